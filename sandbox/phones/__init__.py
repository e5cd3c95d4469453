"""Feature phones that people, terminals and tests can hold in their hands."""
