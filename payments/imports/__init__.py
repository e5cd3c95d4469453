"""Statement files that staff handed in: kept sealed until they are read, with progress for the page."""
