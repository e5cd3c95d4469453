"""Judging a hand payment before the wallet takes it: turned away only when it surely is wrong."""

import re
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from core.database import vault_of
from members.indexes import MemberIndexes
from members.model import Status
from members.tables import MemberRow
from payments.matching import read_reference
from payments.schemes.rules import Scheme
from payments.wallets.protocol import HandPayment

_DIGITS_ONLY = re.compile(r"[0-9 .-]{5,}")


class Judgement(StrEnum):
    """What to answer the wallet."""

    ACCEPT = "accept"
    NO_SUCH_ACCOUNT = "no_such_account"
    AMOUNT_OUT_OF_LIMITS = "amount_out_of_limits"


def judge(session: Session, payment: HandPayment, scheme: Scheme) -> Judgement:
    """Whether the account may name a member and the amount fits the scheme.

    An account of a known form that names nobody, or digits of no known form (a mistyped number: its check
    digit fails), is turned away. Words and blanks are accepted: the payer may still tell whose money it is.
    """
    if not scheme.payment_min_cents <= payment.amount.amount_cents <= scheme.payment_max_cents:
        return Judgement.AMOUNT_OUT_OF_LIMITS
    step, condition = read_reference(payment.account, MemberIndexes(vault_of(session)))
    if step is None or condition is None:
        mistyped = _DIGITS_ONLY.fullmatch(payment.account.strip()) is not None
        return Judgement.NO_SUCH_ACCOUNT if mistyped else Judgement.ACCEPT
    # The old number of two memberships that were made one is as good as the other.
    stayed = aliased(MemberRow)
    status = session.scalar(
        select(func.coalesce(stayed.status, MemberRow.status))
        .select_from(MemberRow)
        .outerjoin(stayed, stayed.id == MemberRow.merged_into)
        .where(condition)
    )
    if status is None or not Status(status).is_open:
        return Judgement.NO_SUCH_ACCOUNT
    return Judgement.ACCEPT
