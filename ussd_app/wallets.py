"""Builds the house's wallets: each is on when its address is set."""

from collections.abc import Iterable
from datetime import date
from typing import Final
from uuid import UUID

import requests
from redis import Redis

from core.clock import Clock
from core.errors import InvalidValue
from core.settings import BadSettings, Settings
from core.shared_token import RedisTokenCache
from payments.schemes.rules import BadScheme, scheme_on
from payments.wallets.airtel.config import AirtelConfig
from payments.wallets.airtel.wallet import AirtelWallet
from payments.wallets.mpesa.config import MpesaConfig
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.mtn.config import MtnConfig
from payments.wallets.mtn.wallet import MtnWallet
from payments.wallets.protocol import Wallet

# Less than the lease of a task that calls a wallet, so that one attempt ends before the next may begin.
WALLET_SECONDS: Final = 20.0


def hooks_address(settings: Settings) -> str:
    """Where providers post to us; holds the secret token."""
    return f"{settings.public_url}/hooks/{settings.hook_token.get_secret_value()}"


def build_mpesa(settings: Settings, redis: Redis, clock: Clock) -> MpesaWallet | None:
    """M-Pesa, where the house has it. Raises BadSettings."""
    if not settings.mpesa_url:
        return None
    try:
        config = MpesaConfig(
            base_url=settings.mpesa_url,
            shortcode=settings.mpesa_shortcode,
            consumer_key=settings.mpesa_consumer_key.get_secret_value(),
            consumer_secret=settings.mpesa_consumer_secret.get_secret_value(),
            passkey=settings.mpesa_passkey.get_secret_value(),
            c2b_version=settings.mpesa_c2b_version,
            read_timeout_seconds=WALLET_SECONDS,
        )
    except InvalidValue as error:
        raise BadSettings([f"MPESA_…: {error}"]) from None
    try:
        config.check_callback(_callback(settings, MpesaWallet.hook))
    except InvalidValue as error:
        raise BadSettings([f"PUBLIC_URL or HOOK_TOKEN: {error}"]) from None
    return MpesaWallet(config, RedisTokenCache(redis, MpesaWallet.name), requests.Session(), clock)


def build_others(settings: Settings, redis: Redis) -> dict[str, Wallet]:
    """The wallets that are on besides M-Pesa. Raises BadSettings."""
    built: dict[str, Wallet] = {}
    if settings.airtel_url:
        built[AirtelWallet.name] = _airtel(settings, redis)
    if settings.mtn_url:
        built[MtnWallet.name] = _mtn(settings, redis)
    return built


def shortcodes_of(settings: Settings) -> dict[str, str]:
    """Our account with each wallet that is on."""
    accounts = {
        MpesaWallet.name: (settings.mpesa_url, settings.mpesa_shortcode),
        AirtelWallet.name: (settings.airtel_url, settings.airtel_merchant),
        MtnWallet.name: (settings.mtn_url, settings.mtn_account),
    }
    return {name: account for name, (url, account) in accounts.items() if url}


def check_scheme(settings: Settings, wallets: Iterable[str], day: date) -> None:
    """Raises BadSettings when fund, scheme and wallets are not of one country."""
    try:
        scheme = scheme_on(settings.fund_region, day)
    except BadScheme as error:
        raise BadSettings([f"FUND_REGION: {error}"]) from None
    if scheme.currency != settings.fund_currency:
        raise BadSettings([f"FUND_CURRENCY must be {scheme.currency} where FUND_REGION is {scheme.country}"])
    if not scheme.wallets.names.intersection(wallets):
        needed = " or ".join(f"{name}_URL".upper() for name in sorted(scheme.wallets.names))
        raise BadSettings([f"{needed} is missing: nobody in {scheme.country} could pay"])


def _airtel(settings: Settings, redis: Redis) -> AirtelWallet:
    try:
        config = AirtelConfig(
            base_url=settings.airtel_url,
            merchant=settings.airtel_merchant,
            client_id=settings.airtel_client_id.get_secret_value(),
            client_secret=settings.airtel_client_secret.get_secret_value(),
            hash_key=settings.airtel_hash_key.get_secret_value() or None,
            country=settings.fund_region,
            currency=settings.fund_currency,
            zone=settings.zone,
            read_timeout_seconds=WALLET_SECONDS,
        )
    except InvalidValue as error:
        raise BadSettings([f"AIRTEL_…: {error}"]) from None
    return AirtelWallet(config, RedisTokenCache(redis, AirtelWallet.name), requests.Session())


def _mtn(settings: Settings, redis: Redis) -> MtnWallet:
    try:
        config = MtnConfig(
            base_url=settings.mtn_url,
            account=settings.mtn_account,
            subscription_key=settings.mtn_subscription_key.get_secret_value(),
            api_user=settings.mtn_api_user,
            api_key=settings.mtn_api_key.get_secret_value(),
            target=settings.mtn_target_environment,
            country=settings.fund_region,
            currency=settings.fund_currency,
            zone=settings.zone,
            read_timeout_seconds=WALLET_SECONDS,
        )
        config.check_callback(_callback(settings, MtnWallet.hook))
    except InvalidValue as error:
        raise BadSettings([f"MTN_…, PUBLIC_URL or HOOK_TOKEN: {error}"]) from None
    return MtnWallet(config, RedisTokenCache(redis, MtnWallet.name), requests.Session())


def _callback(settings: Settings, hook: str) -> str:
    return f"{hooks_address(settings)}/{hook}/{UUID(int=0)}"
