"""The words of the payment rooms: how an intent stands, where money came from, what a member sees."""

from enum import StrEnum


class ContributionState(StrEnum):
    """How an intent to save stands. PAID is final; the rest may still become PAID by a late success."""

    REQUESTED = "requested"
    PROMPTING = "prompting"
    PROMPTED = "prompted"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


OPEN_STATES = (ContributionState.REQUESTED, ContributionState.PROMPTING, ContributionState.PROMPTED)


class Channel(StrEnum):
    """How somebody told us to save."""

    USSD = "ussd"
    SMS = "sms"
    API = "api"


class EvidenceChannel(StrEnum):
    """Where a raw message about money came from."""

    STK_CALLBACK = "stk_callback"
    C2B_CONFIRMATION = "c2b_confirmation"
    C2B_VALIDATION = "c2b_validation"
    STK_QUERY = "stk_query"
    PULL = "pull"
    STATEMENT = "statement"
    ORDER_RESULT = "order_result"
    ORDER_TIMEOUT = "order_timeout"


class Verdict(StrEnum):
    """What a raw message turned out to mean."""

    CREDITED = "credited"
    CORROBORATES = "corroborates"
    DUPLICATE = "duplicate"
    FAILED_PROMPT = "failed_prompt"
    PAID_UNRECEIPTED = "paid_unreceipted"
    SUSPENSE = "suspense"
    MISMATCH = "mismatch"
    UNREADABLE = "unreadable"
    UNKNOWN_PROMPT = "unknown_prompt"
    NOTED = "noted"


class MatchStep(StrEnum):
    """Which evidence tied money to a member; SUSPENSE when none did."""

    PROMPT = "prompt"
    MEMBER_NUMBER = "member_number"
    NATIONAL_ID = "national_id"
    PHONE = "phone"
    CLAIM = "claim"
    STAFF = "staff"
    SUSPENSE = "suspense"


class PostingState(StrEnum):
    """How the central registry's knowledge of a receipt stands."""

    PENDING = "pending"
    POSTED = "posted"
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"


class PaymentState(StrEnum):
    """What a member or staff sees of one payment; derived, never stored."""

    ASKED = "asked"
    PROMPT_SENT = "prompt_sent"
    CHECKING = "checking"
    RECEIVED = "received"
    CONFIRMED = "confirmed"
    POSTED = "posted"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVERSED = "reversed"


class BreakClass(StrEnum):
    """How wallet, ledger and registry can differ about one payment."""

    NOT_ON_STATEMENT = "not_on_statement"
    NOT_IN_LEDGER = "not_in_ledger"
    AMOUNT_DIFFERS = "amount_differs"
    NOT_POSTED = "not_posted"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    REGISTRY_AMOUNT_DIFFERS = "registry_amount_differs"
    SUSPENSE = "suspense"
    MISMATCH = "mismatch"
    UNKNOWN_OUTCOME = "unknown_outcome"
    REVERSED_AFTER_CREDIT = "reversed_after_credit"
    CONFLICTING_EVIDENCE = "conflicting_evidence"
    DUPLICATE_INTENT = "duplicate_intent"
    UNEXPECTED_CHARGE = "unexpected_charge"
    REJECTED_BY_REGISTRY = "rejected_by_registry"
    MISSING_CALLBACK = "missing_callback"
    DUPLICATE_RECEIPT = "duplicate_receipt"
    LATE_ACROSS_CUTOFF = "late_across_cutoff"
    SETTLEMENT_SHORT = "settlement_short"
    UNBOOKED_LINE = "unbooked_line"
