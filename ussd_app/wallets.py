"""Builds the house's wallets, ready to be called: for workers and commands, never for the web."""

from collections.abc import Mapping
from dataclasses import dataclass

import requests

from core.shared_token import RedisTokenCache
from payments.wallets.airtel.wallet import AirtelWallet
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.mtn.wallet import MtnWallet
from payments.wallets.protocol import Wallet
from ussd_app.foundation import Foundation
from ussd_app.wallet_accounts import airtel_config, mpesa_config, mtn_config


@dataclass(frozen=True, kw_only=True)
class HouseWallets:
    """The wallets that are on, by name; `mpesa` is among them, for what only it can do."""

    by_name: Mapping[str, Wallet]
    mpesa: MpesaWallet | None


def build_wallets(base: Foundation) -> HouseWallets:
    """Nothing is connected until it is used. Raises BadSettings."""
    settings, redis = base.settings, base.redis
    by_name: dict[str, Wallet] = {}
    mpesa = None
    if (of_mpesa := mpesa_config(settings)) is not None:
        tokens = RedisTokenCache(redis, MpesaWallet.name)
        mpesa = by_name[MpesaWallet.name] = MpesaWallet(of_mpesa, tokens, requests.Session(), base.clock)
    if (of_airtel := airtel_config(settings)) is not None:
        tokens = RedisTokenCache(redis, AirtelWallet.name)
        by_name[AirtelWallet.name] = AirtelWallet(of_airtel, tokens, requests.Session())
    if (of_mtn := mtn_config(settings)) is not None:
        tokens = RedisTokenCache(redis, MtnWallet.name)
        by_name[MtnWallet.name] = MtnWallet(of_mtn, tokens, requests.Session())
    return HouseWallets(by_name=by_name, mpesa=mpesa)
