"""What is over by how things stand now: an alert ends by looking, whatever path led to its end."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

# The registry's own clerks put right what it refused, and nothing tells us of that. What no decision has
# answered for so long stays on the payment's page, and calls nobody.
CORRECTION_CALLS_FOR: Final = timedelta(days=30)

# None of a wallet's messages waits that was there when one failed last: those that failed are among them. One
# that was put back waits like any other, and is over when it has its verdict.
_EVIDENCE = text("""
UPDATE alerts a SET cleared_at = :now
WHERE a.kind = 'evidence_failed' AND a.cleared_at IS NULL AND NOT EXISTS (
  SELECT FROM outbox o JOIN evidence e ON e.id = CAST(o.payload ->> 'evidence_id' AS uuid)
  WHERE o.topic = 'evidence' AND o.state <> 'done' AND o.created_at <= a.last_at AND e.wallet = a.subject
    AND NOT EXISTS (SELECT FROM evidence_verdicts v WHERE v.evidence_id = e.id))
""")

# Its money waits to be given back no more, or staff have had it tried again: then the newest speaks.
_REFUND_FAILED = text("""
UPDATE alerts a SET cleared_at = :now
WHERE a.kind = 'refund_failed' AND a.cleared_at IS NULL AND NOT EXISTS (
  SELECT FROM refunds f JOIN receipts r ON r.id = f.receipt_id
  WHERE f.id = CAST(a.subject AS uuid) AND f.state = 'failed'
    AND r.staff_place = 'refund' AND r.reversed_at IS NULL
    AND NOT EXISTS (
      SELECT FROM refunds later WHERE later.receipt_id = f.receipt_id AND later.asked_at > f.asked_at))
""")

# Who asks the wallet holds no lock meanwhile: the end may come in between, before the alert.
_REFUND_UNKNOWN = text("""
UPDATE alerts a SET cleared_at = :now
WHERE a.kind = 'refund_unknown' AND a.cleared_at IS NULL AND NOT EXISTS (
  SELECT FROM refunds f WHERE f.id = CAST(a.subject AS uuid) AND f.state NOT IN ('paid', 'failed'))
""")

# The wallet's message about it is a difference, which staff settle. Until a round has found that it is one,
# there is none.
_PAID_TWICE = text("""
UPDATE alerts a SET cleared_at = :now
WHERE a.kind = 'refund_paid_twice' AND a.cleared_at IS NULL AND (
  SELECT bool_and(b.state <> 'open') FROM breaks b JOIN evidence e ON e.id = b.evidence_id
  WHERE b.break_class = 'mismatch' AND split_part(e.reference, ':', 2) = a.subject)
""")

_CORRECTION = text("""
UPDATE alerts a SET cleared_at = :now
WHERE a.kind = 'correction_refused' AND a.cleared_at IS NULL AND (
  a.last_at < :called_since OR NOT EXISTS (
    SELECT FROM registry_corrections c JOIN receipts r ON r.id = c.receipt_id
    WHERE c.state = 'rejected' AND r.receipt = a.subject AND NOT EXISTS (
      SELECT FROM decisions d WHERE d.receipt_id IN (r.id, r.part_of) AND d.done_at > a.last_at)))
""")


def clear_what_is_over(session: Session, *, now: datetime) -> None:
    """Clear what staff, a wallet or the registry have brought to its end. Only open alerts are looked at."""
    for statement in (_EVIDENCE, _REFUND_FAILED, _REFUND_UNKNOWN, _PAID_TWICE):
        session.execute(statement, {"now": now})
    session.execute(_CORRECTION, {"now": now, "called_since": now - CORRECTION_CALLS_FOR})
