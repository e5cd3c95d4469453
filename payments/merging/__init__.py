"""Two memberships made one: the money moved by linked transfers, the registry told, and all of it undone."""
