"""Everything that speaks for or against a break, side by side, with personal data masked."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from payments.contributions.tables import Contribution
from payments.evidence.tables import Evidence, EvidenceVerdict
from payments.ledger.tables import LedgerTransfer
from payments.particulars import Particulars
from payments.receipts.parts import whole_of
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.registry_postings.corrections import CorrectionState
from payments.registry_postings.tables import RegistryCorrection, RegistryPosting
from payments.wallet_lines.tables import StoredLine

# What the registry has of a record that is to be void; of one that it never had there is nothing to say.
_CORRECTING: Final = {
    CorrectionState.PENDING: "void_waiting",
    CorrectionState.POSTED: "voiding",
    CorrectionState.ACKNOWLEDGED: "void",
    CorrectionState.REJECTED: "void_refused",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """What one source says. `source`: an evidence channel, `pull`, `statement`, `intent`, `receipt`, `ledger`
    or `registry`. `says` is its verdict, kind or state. `at` is when it said so, or when we wrote it down;
    `paid_at` is when the money moved, where the source names that time.
    """

    source: str
    at: datetime
    says: str
    receipt: str = ""
    amount_cents: int | None = None
    payer_masked: str = ""
    account_masked: str = ""
    detail: str = ""
    paid_at: datetime | None = None


def break_evidence(session: Session, break_id: uuid.UUID) -> Sequence[Proof]:
    """Every source that knows something of a break's payment, oldest first; empty for an unknown break."""
    row = session.get(Break, break_id)
    if row is None:
        return []
    receipt = session.get(Receipt, row.receipt_id) if row.receipt_id else None
    # A wallet knows nothing of parts: what it says is said of the whole.
    whole = whole_of(session, receipt) if receipt else None
    code = whole.receipt if whole else row.subject
    proofs = [
        *_intents(session, row),
        *_messages(session, row, whole, code),
        *_lines(session, row, code),
        *(_money(session, receipt) if receipt else ()),
    ]
    return sorted(proofs, key=lambda proof: proof.at)


def _intents(session: Session, row: Break) -> Iterator[Proof]:
    wanted = [Contribution.id == row.contribution_id] if row.contribution_id else []
    wanted += [Contribution.receipt_id == row.receipt_id] if row.receipt_id else []
    if not wanted:
        return
    for contribution in session.scalars(select(Contribution).where(or_(*wanted))):
        yield Proof(
            source="intent",
            at=contribution.requested_at,
            says=contribution.state,
            amount_cents=contribution.amount_cents,
            payer_masked=Particulars(payer=contribution.phone).payer_masked,
            detail=contribution.result_text,
        )


def _messages(session: Session, row: Break, whole: Receipt | None, code: str) -> Iterator[Proof]:
    # Of what was tied to a receipt the tie is found, of the rest its words: there is an index for each.
    said = [
        EvidenceVerdict.receipt_id.is_(None),
        EvidenceVerdict.receipt != "",
        EvidenceVerdict.receipt == code,
    ]
    wanted = [and_(*said)]
    receipt_id = whole.id if whole else _named(session, row)
    if receipt_id:
        wanted.append(EvidenceVerdict.receipt_id == receipt_id)
    if row.contribution_id:
        wanted.append(EvidenceVerdict.contribution_id == row.contribution_id)
    if row.evidence_id:
        wanted.append(EvidenceVerdict.evidence_id == row.evidence_id)
    found = session.execute(
        select(Evidence.channel, Evidence.received_at, EvidenceVerdict)
        .join(EvidenceVerdict, EvidenceVerdict.evidence_id == Evidence.id)
        .where(or_(*wanted))
    )
    for channel, received_at, verdict in found:
        yield Proof(
            source=channel,
            at=received_at,
            says=verdict.verdict,
            receipt=verdict.receipt,
            amount_cents=verdict.amount_cents,
            payer_masked=verdict.payer_masked,
            detail=verdict.detail,
        )


def _named(session: Session, row: Break) -> uuid.UUID | None:
    """The receipt that a break names by its code alone."""
    named = select(Receipt.id).where(
        Receipt.wallet == row.wallet, Receipt.shortcode == row.shortcode, Receipt.receipt == row.subject
    )
    return session.scalar(named)


def _lines(session: Session, row: Break, code: str) -> Iterator[Proof]:
    reverses_it = (StoredLine.linked_receipt != "") & (StoredLine.linked_receipt == code)
    lines = session.scalars(
        select(StoredLine).where(
            StoredLine.wallet == row.wallet,
            StoredLine.shortcode == row.shortcode,
            or_(StoredLine.receipt == code, reverses_it),
        )
    )
    for line in lines:
        known = Particulars.from_json(line.particulars)
        yield Proof(
            source=line.source,
            at=line.seen_at,
            says=line.kind,
            receipt=line.receipt,
            amount_cents=line.amount_cents,
            payer_masked=known.payer_masked,
            account_masked=known.account_masked,
            paid_at=line.at,
        )


def _money(session: Session, receipt: Receipt) -> Iterator[Proof]:
    known = Particulars.from_json(receipt.particulars)
    yield Proof(
        source="receipt",
        at=receipt.recorded_at,
        says=receipt.match_step,
        receipt=receipt.receipt,
        amount_cents=receipt.amount_cents,
        payer_masked=known.payer_masked,
        account_masked=known.account_masked,
        detail=receipt.match_why,
        paid_at=receipt.paid_at,
    )
    whole = whole_of(session, receipt)
    name = f"{receipt.wallet}:{receipt.shortcode}:{whole.receipt}"
    keys = [f"{verb}:{name}" for verb in ("credit", "allocate", "reverse")]
    for transfer in session.scalars(select(LedgerTransfer).where(LedgerTransfer.business_key.in_(keys))):
        yield Proof("ledger", transfer.recorded_at, transfer.reason, whole.receipt, whole.amount_cents)
    posting = session.get(RegistryPosting, receipt.id)
    if posting is not None:
        yield Proof(
            source="registry",
            at=posting.acknowledged_at or posting.posted_at or posting.created_at,
            says=posting.state,
            receipt=receipt.receipt,
            amount_cents=posting.read_back_amount_cents,
            detail=posting.last_error,
        )
    for correction in session.scalars(
        select(RegistryCorrection).where(RegistryCorrection.receipt_id == receipt.id)
    ):
        says = _CORRECTING.get(CorrectionState(correction.state))
        if says is None:
            continue
        yield Proof(
            source="registry",
            at=correction.acknowledged_at or correction.posted_at or correction.created_at,
            says=says,
            receipt=receipt.receipt,
            amount_cents=None,
            detail=correction.last_error,
        )
