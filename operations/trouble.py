"""The one kind of error that operators are meant to read."""


class TroubleError(Exception):
    """Something the operator can put right; the message is one clear sentence, without secrets."""
