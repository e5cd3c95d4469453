"""The settlement leg: what the bank says arrived of the money that wallets paid out to it."""
