"""Measurements: Kibaba beside its peers, on one machine, in one run. Nothing of the product imports this."""
