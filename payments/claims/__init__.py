"""Claims: "I paid, but it does not show": money in suspense finds its member, or staff get a case."""
