"""The civil registry and the fund's registry, both over the DCI wire format."""
