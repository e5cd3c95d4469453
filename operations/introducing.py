"""Introduces the house and its sandbox to each other: `python -m operations.introducing`."""

import sys

from operations.house import settings
from operations.registration import let_registries_in, register_wallet
from ussd_app.bootstrap import build


def main() -> int:
    """The wallet learns our addresses; the sandbox's registries may call us."""
    with settings() as current:
        services = build(current)
        register_wallet(services)
        let_registries_in(services)
    return 0


if __name__ == "__main__":
    sys.exit(main())
