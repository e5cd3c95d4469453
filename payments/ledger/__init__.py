"""Double entry: every shilling has two sides, nothing is ever changed, corrections are new transfers."""
