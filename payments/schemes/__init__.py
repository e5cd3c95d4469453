"""Scheme rules as data: what a fund lets people save, from which day on, per country."""
