"""The session-state engine: pure code that turns a session, an answer and facts into the next screen."""
