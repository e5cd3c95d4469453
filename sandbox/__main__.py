"""Starts the sandbox: `python -m sandbox --port 8001 --state DIR`."""

import argparse
import os
import socket
import sqlite3
import sys
from pathlib import Path

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from sandbox.settings import LOOPBACK_HOSTS, Settings
from sandbox.store import Store
from sandbox.worker import SETTINGS_VARIABLE

# Faults hold answers back for half a minute; the healthy must not queue behind them.
THREADS = 32
FLAGS = {
    "target": "where the gateway answers",
    "hook_token": "the token in the gateway's addresses",
    "consumer_key": "Daraja consumer key",
    "consumer_secret": "Daraja consumer secret",
    "shortcode": "the paybill",
    "passkey": "STK passkey of the paybill",
    "airtel_client_id": "Airtel client id",
    "airtel_client_secret": "Airtel client secret",
    "airtel_hash_key": "key with which Airtel signs callbacks",
    "airtel_merchant": "our merchant code at Airtel",
    "mtn_subscription_key": "MoMo subscription key",
    "mtn_api_user": "MoMo API user, a UUID",
    "mtn_api_key": "its key",
    "mtn_target": "MoMo target environment",
    "mtn_account": "our account at MoMo",
    "initiator": "the API user of payouts",
    "initiator_password": "its password, which SecurityCredential encrypts",
    "organisation": "name of the paybill's owner",
    "at_username": "Africa's Talking user name",
    "at_api_key": "Africa's Talking API key",
    "registry_client_id": "OAuth client at both registries",
    "registry_client_secret": "its secret",
    "sender_key": "the gateway's Ed25519 public key, PEM or base64; then every message must be signed",
    "service_code": "the USSD code people dial",
    "network_code": "networkCode sent with USSD and SMS",
    "wrong_pin": "the one wallet PIN that is wrong",
}


def parse(arguments: list[str]) -> tuple[argparse.Namespace, Settings]:
    """Flags, or the environment variable KIBABA_SANDBOX_<FLAG>, or the default; in this order."""
    parser = argparse.ArgumentParser(prog="sandbox", description="The outside world in a box, for Kibaba.")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--state", default="var/sandbox", help="directory that keeps the state")
    for name, text in FLAGS.items():
        default = os.environ.get(f"KIBABA_SANDBOX_{name.upper()}", getattr(Settings("."), name))
        parser.add_argument(f"--{name.replace('_', '-')}", default=default, help=text)
    parser.add_argument("--opening-balance", type=int, default=10_000, help="shillings in a new wallet")
    options = parser.parse_args(arguments)
    if options.host not in LOOPBACK_HOSTS:
        parser.error(f"the sandbox answers on loopback only, not on {options.host}")
    settings = Settings(
        state_dir=str(Path(options.state).resolve()),
        opening_balance_shillings=options.opening_balance,
        **{name: getattr(options, name) for name in FLAGS},
    )
    return options, settings


def main() -> None:
    options, settings = parse(sys.argv[1:])
    host = "127.0.0.1" if options.host == "localhost" else options.host
    _refuse_taken_port(host, options.port)
    try:
        Path(settings.state_dir).mkdir(parents=True, exist_ok=True)
        # Opened once before the worker does, so that a full disk or a broken file is one clear sentence.
        Store(settings.database).close()
    except OSError as error:
        sys.exit(f"sandbox: the state directory cannot be made: {error}")
    except sqlite3.Error as error:
        sys.exit(f"sandbox: the state in {settings.database} cannot be used: {error}")
    os.environ[SETTINGS_VARIABLE] = settings.as_json()
    Server(
        "sandbox.worker:application",
        factory=True,
        address=host,
        port=options.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        respawn_failed_workers=True,
        log_access=False,
        log_level=LogLevels.error,
        workers_kill_timeout=3,
    ).serve()


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"sandbox: port {port} cannot be used: {error.strerror}")


if __name__ == "__main__":
    main()
