"""The way to the central registry: each confirmed receipt posted once, and believed only when read back."""
