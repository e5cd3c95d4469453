"""Evidence: every raw message about money, kept as it came, and what it turned out to mean."""
