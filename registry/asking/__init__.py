"""Questions that a registry answers later, by a call to us: what was asked, and what became of it."""
