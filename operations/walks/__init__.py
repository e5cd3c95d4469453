"""Random walks through the menus, every reply held against a simple model of what is right."""
