"""Introduces the house and its sandbox to each other: `python -m operations.introducing`."""

import gc

# A short life: the collector would only look through what is loaded, again and again, in vain.
gc.disable()

import sys

from operations.house import settings
from operations.registration import let_registries_in, register_wallet
from ussd_app.foundation import lay_foundation


def main() -> int:
    """The wallet learns our addresses; the sandbox's registries may call us."""
    with settings() as current:
        base = lay_foundation(current)
        register_wallet(current, base.mpesa)
        let_registries_in(current, base.sessions, base.clock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
