"""The small applications that the peers run."""
