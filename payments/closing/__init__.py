"""Cut-offs: which period a fact counts for, the proof of its totals, and closing it for good."""
