"""What is judged while M-Pesa waits, and what the SMS gateway posts; callbacks stop in front of Flask."""

from typing import Final

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from core.errors import InvalidValue
from core.logging import log
from messages.africastalking.forms import parse_delivery_report, parse_incoming
from payments.validation import Judgement, judge
from payments.wallets.mpesa.hand_payment import RejectReason, accept, read_hand_payment, reject
from payments.wallets.protocol import HandPayment, UnreadableMessage
from ussd_app.bodies import BODY_BYTES_MAX, as_stored
from ussd_app.bootstrap import Services
from ussd_app.callbacks import CALLBACKS
from ussd_app.tokens import needs_token

_REASONS: Final = {
    Judgement.NO_SUCH_ACCOUNT: RejectReason.ACCOUNT,
    Judgement.AMOUNT_OUT_OF_LIMITS: RejectReason.AMOUNT,
}


def create_blueprint(services: Services) -> Blueprint:
    """`/hooks/{token}/c2b/validation` and the SMS half of `/gateway/{token}/…`."""
    blueprint = Blueprint("hooks", __name__)
    guarded = needs_token(services.settings.hook_token.get_secret_value())
    hooks = _Hooks(services)
    for rule, view in (
        ("/hooks/<token>/c2b/validation", hooks.validation),
        ("/gateway/<token>/africastalking/sms", hooks.sms),
        ("/gateway/<token>/africastalking/sms/delivery", hooks.delivery),
    ):
        blueprint.add_url_rule(rule, view.__name__, guarded(view), methods=["POST"])
    blueprint.before_request(_limit_body)
    return blueprint


def _limit_body() -> None:
    request.max_content_length = BODY_BYTES_MAX


class _Hooks:
    """One method per kind of message."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def validation(self) -> ResponseReturnValue:
        """Somebody is about to pay by hand: accept, unless it surely is wrong. In doubt the answer is yes."""
        body = as_stored(request.get_data())
        try:
            judgement = self._judged(read_hand_payment(body))
        except (UnreadableMessage, InvalidValue, SQLAlchemyError) as error:
            CALLBACKS.labels("c2b_validation", "in_doubt").inc()
            log.warning("validation in doubt", error=type(error).__name__)
            return jsonify(accept())
        CALLBACKS.labels("c2b_validation", judgement.value).inc()
        reason = _REASONS.get(judgement)
        return jsonify(accept() if reason is None else reject(reason))

    def _judged(self, payment: HandPayment) -> Judgement:
        try:
            return self._judged_once(payment)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # The database was started anew since its connection was last used: not a doubt about the payment.
            return self._judged_once(payment)

    def _judged_once(self, payment: HandPayment) -> Judgement:
        with self._services.brief_sessions.begin() as session:
            return judge(session, payment, self._services.terms().scheme)

    def delivery(self) -> ResponseReturnValue:
        """What became of an SMS."""
        try:
            report = parse_delivery_report(request.form)
        except InvalidValue:
            return _unreadable("sms_delivery")
        with self._services.sessions.begin() as session:
            self._services.messages.record_delivery(session, report)
        CALLBACKS.labels("sms_delivery", "stored").inc()
        return Response("ok", mimetype="text/plain")

    def sms(self) -> ResponseReturnValue:
        """An SMS to us."""
        try:
            incoming = parse_incoming(request.form, self._services.settings.fund_region)
        except InvalidValue:
            return _unreadable("sms")
        with self._services.sessions.begin() as session:
            self._services.messages.receive(session, incoming)
        CALLBACKS.labels("sms", "stored").inc()
        return Response("ok", mimetype="text/plain")


def _unreadable(kind: str) -> ResponseReturnValue:
    CALLBACKS.labels(kind, "unreadable").inc()
    return Response("a required field is missing or malformed", status=400, mimetype="text/plain")
