"""M-Pesa's initiator calls: B2C v3, reversal, transaction status, account balance."""

import re
from collections.abc import Mapping
from typing import Any

from core.errors import InvalidValue
from core.money import Money
from payments.wallets.mpesa import order_result
from payments.wallets.mpesa.client import Answer, DarajaClient, NoAnswer, NotSent
from payments.wallets.mpesa.error_codes import Refusal
from payments.wallets.mpesa.initiator import Initiator
from payments.wallets.payouts import (
    Answers,
    Ordered,
    OrderKind,
    OrderOutcome,
    OrderResult,
    PayoutRequest,
)
from payments.wallets.protocol import Rejected, Unknown, UnreadableMessage
from payments.wallets.wire import Identifier, Line, WireModel, read_fields

PAYOUT_PATH = "/mpesa/b2c/v3/paymentrequest"
STATUS_PATH = "/mpesa/transactionstatus/v1/query"
BALANCE_PATH = "/mpesa/accountbalance/v1/query"
REVERSAL_PATH = "/mpesa/reversal/v1/request"
SHILLINGS_MAX = 250_000
REMARKS_CHARACTERS = range(2, 101)
RETRY_SECONDS = 60
_SHORTCODE_TYPE, _REVERSAL_TYPE = "4", "11"
_RECEIVER = re.compile(r"254[17][0-9]{8}")
_ORIGINATOR = re.compile(r"[!-~]{1,64}")
_ACCEPTED = "0"


class MpesaPayouts:
    """The initiator of one shortcode. Every answer comes later, to the addresses given."""

    name = "mpesa"

    def __init__(self, client: DarajaClient, initiator: Initiator) -> None:
        self.shortcode = client.config.shortcode
        self._client = client
        self._initiator = initiator

    def pay_out(self, request: PayoutRequest, answers: Answers) -> OrderOutcome:
        """Order a payout under our own id. Raises InvalidValue before sending.

        "Duplicate OriginatorConversationID" means that it was ordered before: that is an order, not a fault.
        """
        if not _RECEIVER.fullmatch(request.phone.wire):
            raise InvalidValue(f"{request.phone.masked} cannot have M-Pesa in Kenya")
        if not _ORIGINATOR.fullmatch(request.originator_id):
            raise InvalidValue("not an id for a payout")
        if len(request.remarks) not in REMARKS_CHARACTERS:
            raise InvalidValue("the remarks of a payout have 2 to 100 characters")
        body = {
            "OriginatorConversationID": request.originator_id,
            "InitiatorName": self._initiator.name,
            "CommandID": "BusinessPayment",
            "Amount": _shillings(request.amount),
            "PartyA": self.shortcode,
            "PartyB": request.phone.wire,
            "Remarks": request.remarks,
        }
        return self._order(PAYOUT_PATH, body, answers)

    def reverse(self, receipt: str, amount: Money, answers: Answers) -> OrderOutcome:
        """Order that a payment to us be given back in full. Raises InvalidValue before sending."""
        body = {
            "CommandID": "TransactionReversal",
            "TransactionID": receipt,
            "Amount": _shillings(amount),
            "ReceiverParty": self.shortcode,
            # Daraja's own spelling.
            "RecieverIdentifierType": _REVERSAL_TYPE,
            "Remarks": "Refund",
            "Occasion": "",
        }
        return self._order(REVERSAL_PATH, body, answers)

    def ask_status(self, originator_id: str, answers: Answers) -> OrderOutcome:
        """Ask what became of a payout, by the id we gave it. Asking moves nothing."""
        body = {
            "CommandID": "TransactionStatusQuery",
            "TransactionID": "",
            "OriginalConversationID": originator_id,
            "PartyA": self.shortcode,
            "IdentifierType": _SHORTCODE_TYPE,
            "Remarks": "Status",
            "Occasion": "",
        }
        return self._order(STATUS_PATH, body, answers)

    def ask_balance(self, answers: Answers) -> OrderOutcome:
        """Ask what our accounts hold."""
        body = {
            "CommandID": "AccountBalance",
            "PartyA": self.shortcode,
            "IdentifierType": _SHORTCODE_TYPE,
            "Remarks": "Balance",
        }
        return self._order(BALANCE_PATH, body, answers)

    def read_result(self, kind: OrderKind, raw: str | bytes) -> OrderResult:
        """Parse a stored result. Raises UnreadableMessage."""
        return order_result.read_result(kind, raw)

    def read_timeout(self, kind: OrderKind, raw: str | bytes) -> OrderResult:
        """Parse a stored queue time-out. Raises UnreadableMessage."""
        return order_result.read_timeout(kind, raw)

    def _order(self, path: str, body: Mapping[str, Any], answers: Answers) -> OrderOutcome:
        for url in (answers.result_url, answers.timeout_url):
            self._client.config.check_callback(url)
        try:
            credential = self._initiator.credential()
        except InvalidValue as error:
            return Rejected("no_certificate", str(error), retry_seconds=RETRY_SECONDS, alert=True)
        sent = {
            "Initiator": self._initiator.name,
            **body,
            "SecurityCredential": credential,
            "ResultURL": answers.result_url,
            "QueueTimeOutURL": answers.timeout_url,
        }
        if "InitiatorName" in body:
            del sent["Initiator"]
        try:
            answer = self._client.post(path, sent)
        except NotSent as error:
            wait = RETRY_SECONDS if error.later else None
            return Rejected(error.provider_code, str(error), retry_seconds=wait, alert=not error.later)
        except NoAnswer as error:
            return Unknown(str(error))
        return _taken(answer) if answer.is_ok else _refused(answer)


class _OrderReply(WireModel):
    ResponseCode: Line
    ResponseDescription: Line = ""
    ConversationID: Identifier | None = None


def _taken(answer: Answer) -> OrderOutcome:
    try:
        reply = read_fields(_OrderReply, answer.body)
    except UnreadableMessage as error:
        return Unknown(f"the answer to an order cannot be read: {error}")
    if reply.ResponseCode != _ACCEPTED:
        return Rejected(reply.ResponseCode, reply.ResponseDescription, alert=True)
    return Ordered(reply.ConversationID or "")


def _refused(answer: Answer) -> OrderOutcome:
    refused = answer.refused
    match refused.refusal:
        case Refusal.ALREADY:
            return Ordered()
        case Refusal.OURS:
            return Rejected(refused.code, answer.message, alert=True)
        case Refusal.TOKEN:
            return Rejected(refused.code, answer.message, retry_seconds=RETRY_SECONDS, alert=True)
        case Refusal.LATER:
            wait = refused.retry_seconds or RETRY_SECONDS
            return Rejected(refused.code, answer.message, retry_seconds=wait)
        case _:
            return Unknown(f"{refused.code}: {answer.message}")


def _shillings(amount: Money) -> int:
    shillings, cents = divmod(amount.amount_cents, 100)
    if amount.currency != "KES" or cents or not 1 <= shillings <= SHILLINGS_MAX:
        raise InvalidValue(f"M-Pesa moves whole shillings from 1 to {SHILLINGS_MAX:,}, not {amount}")
    return shillings
