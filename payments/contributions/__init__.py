"""Contributions: what members said they want to save, and what became of it."""
