"""Money that names nobody, from phones that nobody knows: it goes to suspense by the hundred."""

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import vault_of
from members.indexes import MemberIndexes
from members.tables import MemberRow
from payments import matching
from payments.payers import payer_index
from payments.receipts.model import Arrival, Owner
from payments.receipts.tables import Receipt


def owners_of_strangers(session: Session, arrivals: Sequence[Arrival]) -> dict[tuple[str, str, str], Owner]:
    """The verdict on those arrivals whose reference has no known form and whose payer is nobody to us.

    By wallet, shortcode and receipt. Such a payer is no member, never paid before, and pays once in
    `arrivals`: nothing but the kind of reference can make a difference, so `matching` is asked once for each.
    """
    indexes = MemberIndexes(vault_of(session))
    payers = [payer_index(session, arrival.payer) for arrival in arrivals]
    times = Counter(payers)
    strange = {
        payer: arrival
        for payer, arrival in zip(payers, arrivals, strict=True)
        if payer is not None
        and times[payer] == 1
        and matching.read_reference(arrival.account, indexes) == (None, None)
    }
    for payer in _known(session, strange):
        del strange[payer]
    verdicts: dict[bool, Owner] = {}
    owners = {}
    for arrival in strange.values():
        kind = matching.is_generic(arrival.account)
        if kind not in verdicts:
            verdicts[kind] = matching.owner_of(session, arrival)
        owners[arrival.wallet, arrival.shortcode, arrival.receipt] = verdicts[kind]
    return owners


def _known(session: Session, payers: Collection[str]) -> set[str]:
    if not payers:
        return set()
    members = select(MemberRow.wallet_hash_index).where(MemberRow.wallet_hash_index.in_(payers))
    before = select(Receipt.payer_index).where(Receipt.payer_index.in_(payers))
    return {index for index in session.scalars(members.union(before)) if index is not None}
