"""Reconciliation: wallet, ledger and registry side by side for a day, and every difference."""
