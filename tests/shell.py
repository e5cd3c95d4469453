"""What the shell that starts the tests has set must not change what they say: it is forgotten first."""

import os
from collections.abc import MutableMapping

from core.settings import Settings

# Where the servers of the tests are, when they are not to be embedded ones.
SERVERS = frozenset({"DATABASE_URL", "REDIS_URL"})
# Read by commands and libraries beside the settings.
_MORE = frozenset(
    {"KIBABA_STATE", "KIBABA_GUARD", "KIBABA_STAFF_PASSWORD", "PROMETHEUS_MULTIPROC_DIR"}
    | {"DCI_CLIENT_SECRET", "DCI_SIGNING_KEY"}
)


def setting_names() -> frozenset[str]:
    """Every name in the environment that means something to Kibaba, but the servers' addresses."""
    return frozenset(name.upper() for name in Settings.model_fields) - SERVERS | _MORE


def forget_settings(environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove them, however they are cased: the settings do not mind either."""
    names = setting_names()
    for name in [name for name in environment if name.upper() in names]:
        del environment[name]
