"""Who else looks at the same thing now, so that two people do not do one work twice."""
