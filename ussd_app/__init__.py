"""The face to machines: gateway posts, provider hooks, health, and the one place that builds everything."""
