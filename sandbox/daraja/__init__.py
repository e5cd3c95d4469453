"""Safaricom's Daraja as a gateway meets it: the provider's own paths, bodies, rules and errors."""
