"""Behaviour probes: eighteen questions put to any USSD endpoint that serves Africa's Talking's form posts."""
