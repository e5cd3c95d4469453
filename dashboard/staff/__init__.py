"""Who works at the fund: accounts, passwords, second factor, signing in."""
