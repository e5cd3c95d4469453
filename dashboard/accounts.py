"""Which of the fund's wallets a page is about: the first, or the one that its address names."""

from dataclasses import dataclass
from typing import Any

from flask import abort, has_request_context, request, url_for

from dashboard.catalogue import word
from dashboard.services import services
from payments.wallets.choosing import WalletAccount

ARGUMENT = "account"
# Pages that speak of one wallet at a time; links among them stay with the chosen one.
_PAGES = frozenset({"today", "closings", "imports", "reports"})


@dataclass(frozen=True, slots=True)
class AccountLink:
    """One of the fund's wallets, and the address of this page about it."""

    account: WalletAccount
    address: str
    is_current: bool


def chosen() -> WalletAccount:
    """The wallet this request is about; 404 when the fund has no such one."""
    found = _found()
    if found is None:
        abort(404)
    return found


def named(wallet: str, shortcode: str) -> str:
    """How people name a wallet: `M-Pesa 174379`."""
    return f"{word('wallet', wallet)} {shortcode}"


def key_of(account: WalletAccount) -> str:
    """How an address names a wallet: `mtn:MTNFUND`."""
    return f"{account.wallet}:{account.shortcode}"


def kept() -> str:
    """What a form that is sent by GET has to carry along; empty for the first wallet."""
    found = _found()
    return "" if found is None or found == services().accounts[0] else key_of(found)


def keep(endpoint: str, values: dict[str, Any]) -> None:
    """Flask's `url_defaults`: links from a page about another wallet than the first stay with that wallet."""
    if not has_request_context() or not _is_about_one(endpoint):
        return
    if values.get(ARGUMENT) == key_of(services().accounts[0]):
        del values[ARGUMENT]
    elif kept() and _is_about_one(request.endpoint or ""):
        values.setdefault(ARGUMENT, kept())


def links() -> list[AccountLink]:
    """The same page about each of the fund's wallets; nothing when there is only one."""
    parts = services()
    if len(parts.accounts) == 1:
        return []
    asked = {**request.args.to_dict(), **(request.view_args or {})}
    return [
        AccountLink(account, _address(asked, account), is_current=account == _found())
        for account in parts.accounts
    ]


def _address(asked: dict[str, Any], account: WalletAccount) -> str:
    return url_for(request.endpoint or "", **asked | {ARGUMENT: key_of(account)})


def _found() -> WalletAccount | None:
    typed = request.args.get(ARGUMENT, "")
    accounts = services().accounts
    return next((each for each in accounts if not typed or key_of(each) == typed), None)


def _is_about_one(endpoint: str) -> bool:
    return not _PAGES.isdisjoint(endpoint.split(".")[1:2])
