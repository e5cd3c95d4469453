"""Saving plans: what a member means to save each day, week, month or season, and being reminded of it."""
