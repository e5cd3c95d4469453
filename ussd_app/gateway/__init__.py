"""USSD posts from aggregators: adapters, session store, and the host that drives the menu engine."""
