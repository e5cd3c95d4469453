"""What Airtel and MTN post when a prompt ended: kept, committed, answered; jobs work out the meaning."""

from collections.abc import Callable
from typing import Final

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from payments.evidence.service import store
from payments.model import EvidenceChannel
from payments.wallets.airtel.wallet import AirtelWallet
from payments.wallets.mtn.wallet import MtnWallet
from ussd_app.bodies import BODY_BYTES_MAX, as_stored
from ussd_app.bootstrap import Services
from ussd_app.hooks import CALLBACKS
from ussd_app.tokens import needs_token

# MTN's sandbox puts what production posts; nobody promises which.
METHODS: Final = ("POST", "PUT")
_CALLERS: Final = (AirtelWallet, MtnWallet)


def create_blueprint(services: Services) -> Blueprint:
    """`/hooks/{token}/airtel` and `…/mtn`, each with or without our contribution id behind it."""
    blueprint = Blueprint("wallet_hooks", __name__)
    guarded = needs_token(services.settings.hook_token.get_secret_value())
    for wallet in _CALLERS:
        rule = f"/hooks/<token>/{wallet.hook}"
        view = guarded(_taking(services, wallet.name))
        blueprint.add_url_rule(rule, f"{wallet.name}", view, methods=METHODS)
        blueprint.add_url_rule(f"{rule}/<reference>", f"{wallet.name}_reference", view, methods=METHODS)
    blueprint.before_request(_limit_body)
    return blueprint


def _limit_body() -> None:
    request.max_content_length = BODY_BYTES_MAX


def _taking(services: Services, wallet: str) -> Callable[..., ResponseReturnValue]:
    def take(reference: str = "") -> ResponseReturnValue:
        """The end of a prompt; what the message says is not judged here."""
        raw = request.get_data()
        if not raw:
            CALLBACKS.labels(wallet, "empty").inc()
            return jsonify(error="the body is empty"), 400
        with services.sessions.begin() as session:
            store(
                session,
                channel=EvidenceChannel.STK_CALLBACK,
                wallet=wallet,
                body=as_stored(raw),
                now=services.clock.now(),
                reference=reference,
            )
        CALLBACKS.labels(wallet, "stored").inc()
        return jsonify(status="stored")

    return take
