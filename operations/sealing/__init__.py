"""Sealing anew, with the newest key, what older keys sealed, until those can be thrown away."""
