"""What the settings say of the house's wallets: which are on, our accounts there; nothing that calls them."""

from datetime import date
from typing import Final
from uuid import UUID

from core.errors import InvalidValue
from core.settings import BadSettings, Settings
from payments.schemes.rules import BadScheme, scheme_on
from payments.wallets.airtel import config as airtel
from payments.wallets.mpesa import config as mpesa
from payments.wallets.mtn import config as mtn

# With the time to connect less than the lease of a task that calls a wallet, so that an ordinary attempt ends
# by itself. One that needs a token first, or a second one, may take longer: it is ended with its lease.
WALLET_SECONDS: Final = 20.0


def hooks_address(settings: Settings) -> str:
    """Where providers post to us; holds the secret token."""
    return f"{settings.public_url}/hooks/{settings.hook_token.get_secret_value()}"


def shortcodes_of(settings: Settings) -> dict[str, str]:
    """Our account with each wallet that is on: a wallet is on when its address is set."""
    accounts = {
        mpesa.NAME: (settings.mpesa_url, settings.mpesa_shortcode),
        airtel.NAME: (settings.airtel_url, settings.airtel_merchant),
        mtn.NAME: (settings.mtn_url, settings.mtn_account),
    }
    return {name: account for name, (url, account) in accounts.items() if url}


def check_wallets(settings: Settings, day: date) -> None:
    """Raises BadSettings when a wallet that is on lacks something, or fund, scheme and wallets do not fit."""
    mpesa_config(settings)
    airtel_config(settings)
    mtn_config(settings)
    try:
        scheme = scheme_on(settings.fund_region, day)
    except BadScheme as error:
        raise BadSettings([f"FUND_REGION: {error}"]) from None
    if scheme.currency != settings.fund_currency:
        raise BadSettings([f"FUND_CURRENCY must be {scheme.currency} where FUND_REGION is {scheme.country}"])
    if scheme.zone != settings.fund_zone:
        raise BadSettings([f"FUND_ZONE must be {scheme.zone} where FUND_REGION is {scheme.country}"])
    if not scheme.wallets.names.intersection(shortcodes_of(settings)):
        needed = " or ".join(f"{name}_URL".upper() for name in sorted(scheme.wallets.names))
        raise BadSettings([f"{needed} is missing: nobody in {scheme.country} could pay"])


def mpesa_config(settings: Settings) -> mpesa.MpesaConfig | None:
    """None where the house has no M-Pesa. Raises BadSettings."""
    if not settings.mpesa_url:
        return None
    try:
        config = mpesa.MpesaConfig(
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
        config.check_callback(_callback(settings, mpesa.HOOK))
    except InvalidValue as error:
        raise BadSettings([f"PUBLIC_URL or HOOK_TOKEN: {error}"]) from None
    return config


def airtel_config(settings: Settings) -> airtel.AirtelConfig | None:
    """None where the house has no Airtel Money. Raises BadSettings."""
    if not settings.airtel_url:
        return None
    try:
        return airtel.AirtelConfig(
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


def mtn_config(settings: Settings) -> mtn.MtnConfig | None:
    """None where the house has no MTN MoMo. Raises BadSettings."""
    if not settings.mtn_url:
        return None
    try:
        config = mtn.MtnConfig(
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
        config.check_callback(_callback(settings, mtn.HOOK))
    except InvalidValue as error:
        raise BadSettings([f"MTN_…, PUBLIC_URL or HOOK_TOKEN: {error}"]) from None
    return config


def _callback(settings: Settings, hook: str) -> str:
    return f"{hooks_address(settings)}/{hook}/{UUID(int=0)}"
