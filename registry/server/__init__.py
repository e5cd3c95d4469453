"""The DCI server: others search, subscribe and are told, each within what they were granted."""
