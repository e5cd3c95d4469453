"""The facts that the host supplies to the menus: every name and its shape.

Amounts are integer cents. Moments are ISO 8601 in the fund's own zone, to the minute
(`2026-11-22T10:30`), because the menus know no clock and no zone. The result of an effect is the fact of
the effect's name.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

MemberStatus = Literal["none", "active", "pending_verification", "blocked", "closed", "merged"]
IdentityState = Literal[
    "waiting",
    "found",
    "unknown",
    "dead",
    "minor",
    "taken",
    "look_alike",
    "several",
    "unavailable",
    "too_many",
]
PaymentState = Literal[
    "requested", "prompted", "received", "confirmed", "posted", "acknowledged", "failed", "cancelled",
    "expired", "unknown", "reversed",
]  # fmt: skip


class Member(TypedDict):
    """Who is calling. `status` is `none` for a phone that is no member's; the rest is then empty.

    `merged`: it was a second membership of one person; `number` is then that of the one which stayed.
    `number` is nine digits, `phone_masked` such as `0712***678`.
    """

    status: MemberStatus
    language: str
    number: str
    phone_masked: str
    reminders: bool


class Scheme(TypedDict):
    """The fund and its limits for one saving. `suggested_cents` are offered to newcomers, at most three.

    Amounts are hundredths of `currency` (ISO 4217), also where it has no coins that small. `id_pattern` is
    the regular expression of the country's identity numbers, where `id_kind` is not Kenya's `national_id`.
    """

    fund_name: str
    helpline: str
    minimum_cents: int
    maximum_cents: int
    suggested_cents: list[int]
    currency: NotRequired[str]
    id_kind: NotRequired[Literal["national_id", "nin", "nid"]]
    id_pattern: NotRequired[str]


class Identity(TypedDict):
    """What is known so far about the national ID just typed. `masked_name` such as `W***** M****`."""

    state: IdentityState
    masked_name: str


class Balance(TypedDict):
    """Savings as of a moment; `pending_cents` are on their way and not counted in."""

    amount_cents: int
    as_of: str
    pending_cents: int


class Payment(TypedDict):
    """One line of the statement. `id` is a name for it that only we understand."""

    id: str
    on: str
    amount_cents: int
    state: PaymentState


class WayStep(TypedDict):
    """One step on the way of a payment."""

    on: str
    state: PaymentState


class Way(TypedDict):
    """The payment that was picked from the statement. `receipt` is empty until money came.

    `period`: the month (`YYYY-MM`) it is to count for, where that was chosen. `for_number`: the member number
    of whose savings it is, where that is not the caller.
    """

    amount_cents: int
    receipt: str
    period: NotRequired[str]
    for_number: NotRequired[str]
    steps: list[WayStep]


class Claimed(TypedDict):
    """Money that is offered to the caller, or theirs already, by the code they typed."""

    amount_cents: int
    on: str
    receipt: str


class ClaimResult(TypedDict):
    """Result of `claim`. `staff`: a person looks into it, or the membership may not claim."""

    state: Literal["offered", "yours", "waiting", "too_many", "staff"]


class TakeClaimResult(TypedDict):
    """Result of `take_claim`. `gone`: it is no longer on offer."""

    state: Literal["taken", "gone"]


class OwnPin(TypedDict):
    """Whether the caller has a PIN, may choose one now, or has none until staff let them choose.

    `locked`: they have one, and for `minutes` more none is looked at.
    """

    state: Literal["set", "locked", "to_choose", "lapsed"]
    minutes: NotRequired[int]


class ShowPaperResult(TypedDict):
    """Result of `show_paper`. `over`: no PIN may be chosen (any more)."""

    state: Literal["right", "wrong", "over"]


class ChooseNewPinResult(TypedDict):
    """Result of `choose_new_pin`. `not_shown`: the paper was shown in another call than this."""

    state: Literal["done", "not_shown", "over"]


class ChangePinResult(TypedDict):
    """Result of `change_pin`. `refused`: the old PIN was not typed in this call, or is none any more."""

    state: Literal["done", "refused"]


class Charges(TypedDict):
    """Up to which amount a payment from this phone costs nobody anything; 0 when none is known to."""

    free_up_to_cents: int


class Recipient(TypedDict):
    """Whose member number was typed. `masked_name` is empty until a register has named them."""

    state: Literal["found", "unknown", "self", "too_many"]
    number: str
    masked_name: str


class Plan(TypedDict):
    """The caller's saving plan; without one the amounts are 0: it may have been stopped while its screen was
    shown. `rest_cents` is what one payment may add to it.
    """

    state: Literal["some", "none"]
    rhythm: Literal["day", "week", "month", "season"]
    amount_cents: int
    saved_cents: int
    rest_cents: int
    reminders: bool


class SetPlanResult(TypedDict):
    """Result of `set_plan`."""

    state: Literal["done", "refused"]


class LookUpResult(TypedDict):
    """Result of `look_up_identity`."""

    state: Literal["started", "too_many"]


class JoinResult(TypedDict):
    """Result of `join`. `number` is the member number when state is joined or pending."""

    state: Literal["joined", "pending", "taken", "refused"]
    number: str


class PhoneChangeResult(TypedDict):
    """Result of `start_phone_change`. `waiting_days` until it completes unless someone objects."""

    state: Literal["started", "refused", "too_many"]
    waiting_days: int


class SaveResult(TypedDict):
    """Result of `save`. `wallet` (`mpesa`, `airtel`, `mtn`) is whose prompt comes or is open."""

    state: Literal["queued", "already_open", "limit", "not_allowed"]
    wallet: NotRequired[str]


class Done(TypedDict):
    """Result of an effect that has nothing to tell: `set_language`, `set_consent`, `stop_plan`."""

    state: Literal["done"]


class Facts(TypedDict, total=False):
    """All facts by name. `usual_amounts` are cents, the most usual first, at most three; `payments` newest
    first, at most `STATEMENT_PAYMENTS_MAX`. `months` (`YYYY-MM`) are those one may pay for besides this one.
    """

    member: Member
    scheme: Scheme
    usual_amounts: list[int]
    identity: Identity
    own_pin: OwnPin
    balance: Balance
    payments: list[Payment]
    payment_way: Way
    charges: Charges
    months: list[str]
    recipient: Recipient
    plan: Plan
    plan_amounts: list[int]
    claimed: Claimed
    look_up_identity: LookUpResult
    join: JoinResult
    start_phone_change: PhoneChangeResult
    save: SaveResult
    set_language: Done
    set_consent: Done
    show_paper: ShowPaperResult
    choose_new_pin: ChooseNewPinResult
    change_pin: ChangePinResult
    claim: ClaimResult
    take_claim: TakeClaimResult
    set_plan: SetPlanResult
    set_plan_reminders: Done
    stop_plan: Done


STATEMENT_PAYMENTS_MAX = 12
STEPS_MAX = 8
MONTHS_MAX = 12
USUAL_AMOUNTS_MAX = 3
