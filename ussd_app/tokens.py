"""The secret in the address of everything that machines post to."""

import hmac
from collections.abc import Callable

from flask import abort
from flask.typing import ResponseReturnValue

View = Callable[..., ResponseReturnValue]


def needs_token(token: str) -> Callable[[View], View]:
    """Wrap a view whose address holds `{token}`: a wrong one is 404, compared in constant time."""
    expected = token.encode()

    def wrap(view: View) -> View:
        def guarded(token: str, **values: str) -> ResponseReturnValue:
            if not hmac.compare_digest(token.encode(), expected):
                abort(404)
            return view(**values)

        guarded.__name__ = view.__name__
        return guarded

    return wrap
