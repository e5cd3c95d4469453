"""Africa's Talking: sending by its own SDK, and what it posts to us."""
