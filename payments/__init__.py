"""Money: contributions, wallets, the ledger, the way to the central registry, reconciliation."""
