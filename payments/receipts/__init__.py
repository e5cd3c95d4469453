"""Receipts are money: one row per (wallet, shortcode, receipt), credited once, whoever told us first."""
