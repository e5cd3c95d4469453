"""The peers: other ways to serve the same three hops, installed on first use, never among ours."""
