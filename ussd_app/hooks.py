"""What wallets and the SMS gateway post to us: kept, committed, answered; jobs work out the meaning."""

from typing import Final

import structlog
from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from core.errors import InvalidValue
from messages.africastalking.forms import parse_delivery_report, parse_incoming
from payments.evidence.service import store
from payments.model import EvidenceChannel
from payments.order_results import reference_of
from payments.validation import Judgement, judge
from payments.wallets.mpesa.hand_payment import CONFIRMED, RejectReason, accept, read_hand_payment, reject
from payments.wallets.protocol import UnreadableMessage
from ussd_app.bodies import BODY_BYTES_MAX, BodyTooLarge, read_body
from ussd_app.bootstrap import Services
from ussd_app.tokens import needs_token

MPESA: Final = "mpesa"
CALLBACKS: Final = Counter(
    "kibaba_callbacks", "Messages from providers, by what became of them.", ["kind", "outcome"]
)
_STK_TAKEN: Final = {"ResultCode": 0, "ResultDesc": "Accepted"}
_REASONS: Final = {
    Judgement.NO_SUCH_ACCOUNT: RejectReason.ACCOUNT,
    Judgement.AMOUNT_OUT_OF_LIMITS: RejectReason.AMOUNT,
}

log = structlog.get_logger()


def create_blueprint(services: Services) -> Blueprint:
    """`/hooks/{token}/…` and the SMS half of `/gateway/{token}/…`."""
    blueprint = Blueprint("hooks", __name__)
    guarded = needs_token(services.settings.hook_token.get_secret_value())
    hooks = _Hooks(services)
    for rule, view in (
        ("/hooks/<token>/stk", hooks.stk),
        ("/hooks/<token>/stk/<reference>", hooks.stk),
        ("/hooks/<token>/result/<kind>", hooks.result),
        ("/hooks/<token>/result/<kind>/<order_id>", hooks.result),
        ("/hooks/<token>/timeout/<kind>", hooks.timeout),
        ("/hooks/<token>/timeout/<kind>/<order_id>", hooks.timeout),
        ("/hooks/<token>/c2b/validation", hooks.validation),
        ("/hooks/<token>/c2b/confirmation", hooks.confirmation),
        ("/gateway/<token>/africastalking/sms", hooks.sms),
        ("/gateway/<token>/africastalking/sms/delivery", hooks.delivery),
    ):
        blueprint.add_url_rule(rule, f"{view.__name__}{rule.count('<')}", guarded(view), methods=["POST"])
    blueprint.before_request(_limit_body)
    return blueprint


def _limit_body() -> None:
    request.max_content_length = BODY_BYTES_MAX


class _Hooks:
    """One method per kind of message."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def stk(self, reference: str = "") -> ResponseReturnValue:
        """An STK callback, with our contribution id in its address."""
        return self._kept(EvidenceChannel.STK_CALLBACK, reference) or jsonify(_STK_TAKEN)

    def confirmation(self) -> ResponseReturnValue:
        """Somebody paid the shortcode by hand."""
        return self._kept(EvidenceChannel.C2B_CONFIRMATION) or jsonify(CONFIRMED)

    def result(self, kind: str, order_id: str = "") -> ResponseReturnValue:
        """How an order of ours ended: a payout, a reversal, a question."""
        reference = reference_of(kind, order_id)
        return self._kept(EvidenceChannel.ORDER_RESULT, reference) or jsonify(_STK_TAKEN)

    def timeout(self, kind: str, order_id: str = "") -> ResponseReturnValue:
        """The wallet's queue was too long: the order may have been carried out or not."""
        reference = reference_of(kind, order_id)
        return self._kept(EvidenceChannel.ORDER_TIMEOUT, reference) or jsonify(_STK_TAKEN)

    def validation(self) -> ResponseReturnValue:
        """Somebody is about to pay by hand: accept, unless it surely is wrong. In doubt the answer is yes."""
        body = _text(request.get_data())
        try:
            payment = read_hand_payment(body)
            with self._services.sessions.begin() as session:
                judgement = judge(session, payment, self._services.terms().scheme)
        except (UnreadableMessage, InvalidValue, SQLAlchemyError) as error:
            CALLBACKS.labels("c2b_validation", "in_doubt").inc()
            log.warning("validation in doubt", error=type(error).__name__)
            return jsonify(accept())
        CALLBACKS.labels("c2b_validation", judgement.value).inc()
        reason = _REASONS.get(judgement)
        return jsonify(accept() if reason is None else reject(reason))

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

    def _kept(self, channel: EvidenceChannel, reference: str = "") -> ResponseReturnValue | None:
        """Store a provider's message; None when it is on disk. What it says is not judged here."""
        try:
            raw = read_body(request.environ)
        except BodyTooLarge:
            CALLBACKS.labels(channel.value, "too_large").inc()
            return jsonify(error="the body is too large"), 413
        if not raw:
            CALLBACKS.labels(channel.value, "empty").inc()
            return jsonify(error="the body is empty"), 400
        services = self._services
        with services.sessions.begin() as session:
            store(
                session,
                channel=channel,
                wallet=MPESA,
                body=_text(raw),
                now=services.clock.now(),
                reference=_text(reference.encode()),
                shortcode=services.settings.mpesa_shortcode,
            )
        CALLBACKS.labels(channel.value, "stored").inc()
        return None


def _text(raw: bytes) -> str:
    # Bytes that are no UTF-8 are kept as escapes, and NUL, which PostgreSQL cannot hold, as its escape.
    return raw.decode("utf-8", errors="backslashreplace").replace("\x00", "\\x00")


def _unreadable(kind: str) -> ResponseReturnValue:
    CALLBACKS.labels(kind, "unreadable").inc()
    return Response("a required field is missing or malformed", status=400, mimetype="text/plain")
