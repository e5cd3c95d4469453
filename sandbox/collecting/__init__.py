"""Wallets that are not M-Pesa: prompts on phones, purses, and the organisation's account with each."""
