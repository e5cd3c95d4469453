"""SMS out and in: templates, sending, delivery reports, keywords."""
