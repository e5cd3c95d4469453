"""Airtel Money's collection API as the gateway meets it."""
