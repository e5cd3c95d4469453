"""Refunds: money that came twice or belongs to nobody, given back once, and asked about until it arrived."""
