"""Mobile-money wallets: one folder each behind one small protocol; a folder can be deleted."""
