"""Two memberships that may be one person: found from what we hold, kept until staff have decided."""
