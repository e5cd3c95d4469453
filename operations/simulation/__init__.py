"""A seeded simulation of bad days: real services on a real database, virtual time, every fault we know."""
