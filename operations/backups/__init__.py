"""The whole house in one file, and back: every row of the database at one instant, sealed as it is there."""
