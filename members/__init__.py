"""Who someone is: joining, identity, consent, PIN, language and change of phone."""
