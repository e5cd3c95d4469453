"""What granian loads in the worker process: the application built from the environment."""

import ctypes
import os
import signal
import sys

from flask import Flask

from sandbox.app import create_app
from sandbox.settings import Settings

SETTINGS_VARIABLE = "KIBABA_SANDBOX_SETTINGS"
PR_SET_PDEATHSIG = 1


def application() -> Flask:
    """Called once, inside the worker."""
    _die_with_the_parent()
    return create_app(Settings.from_json(os.environ[SETTINGS_VARIABLE]))


def _die_with_the_parent() -> None:
    """A killed main process must leave no worker that holds the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
