"""Wallet lines: what the wallet itself says happened, from pulls and statements."""
