"""The central registry and the civil registry, over the DCI standard (spdci API standards 1.0.0)."""
