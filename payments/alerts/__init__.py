"""Alerts: what staff must look at, one row for each trouble as long as it lasts."""
