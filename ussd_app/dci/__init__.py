"""The DCI server's Flask views, and what fits our rooms to it."""
