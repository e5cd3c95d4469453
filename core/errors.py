"""The root of the errors this project raises on purpose."""


class KibabaError(Exception):
    """An error with a stable `code`; `permanent` says whether trying again can help."""

    code = "error"
    permanent = True


class InvalidValue(KibabaError):  # noqa: N818 -- it reads as what it is at every raise
    """A value from outside does not have the shape it must have."""

    code = "invalid_value"
