"""The receipts: what arrived, for whom, and how we know."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, event, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted, ddl

PARTICULARS_PLACE = "receipts.particulars"


class Receipt(Base):
    """One real-world payment. `member_id` is empty while the money waits in suspense.

    `receipt` is upper case. `source` is the evidence channel that told us first; `match_step` and `match_why`
    say what tied it to the member. `payer_index` is comparable with that of contributions and wallet lines.
    `particulars` is JSON: what the payer typed and who they are (`account`, `payer`, `payer_mask`, `name`).

    `part_of`: it is one member's part, or the rest, of that payment, which staff divided; its code then ends
    in a number of its own. No wallet knows of parts: what counts money that arrived leaves them out.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("wallet", "shortcode", "receipt"),
        CheckConstraint("amount_cents > 0", name="amount"),
        Index("ix_receipts_day", "wallet", "shortcode", "paid_at"),
        Index("ix_receipts_member", "member_id", "paid_at"),
        Index("ix_receipts_paid", "paid_at"),
        # Whom a phone paid for before: suggestions for money in suspense.
        Index(
            "ix_receipts_payer",
            "payer_index",
            "member_id",
            postgresql_where=text("payer_index IS NOT NULL"),
        ),
        Index(
            "ix_receipts_parts",
            "part_of",
            postgresql_where=text("part_of IS NOT NULL"),
        ),
        Index(
            "ix_receipts_parts_day",
            "wallet",
            "shortcode",
            "paid_at",
            postgresql_where=text("part_of IS NOT NULL"),
        ),
        # They come in the order of this time, so that ranges of pages are index enough.
        Index(
            "ix_receipts_recorded",
            "recorded_at",
            postgresql_using="brin",
            postgresql_with={"autosummarize": "on"},
        ),
        Index("ix_receipts_suspense", "paid_at", postgresql_where=text("member_id IS NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    receipt: Mapped[str] = mapped_column(String(40))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    member_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("members.id"))
    source: Mapped[str] = mapped_column(String(20))
    match_step: Mapped[str] = mapped_column(String(20))
    match_why: Mapped[str] = mapped_column(String(200), server_default="", default="")
    payer_index: Mapped[str | None] = mapped_column(String(64))
    particulars: Mapped[str] = mapped_column(Encrypted(PARTICULARS_PLACE))
    paid_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    reversed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Where a decision of staff put the money (`payments.suspense`); from then on no message moves it.
    staff_place: Mapped[str | None] = mapped_column(String(12))
    part_of: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("receipts.id"))


REFUSE_OTHER_PARTS = """
CREATE OR REPLACE FUNCTION refuse_other_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  whole_id uuid := coalesce(NEW.part_of, NEW.id);
  wanted bigint;
  found bigint;
BEGIN
  SELECT CASE WHEN staff_place = 'split' THEN amount_cents ELSE 0 END INTO wanted
  FROM receipts WHERE id = whole_id;
  SELECT coalesce(sum(amount_cents), 0) INTO found
  FROM receipts WHERE part_of = whole_id AND coalesce(staff_place, '') NOT IN ('split', 'rejoined');
  IF found <> wanted THEN
    RAISE EXCEPTION 'parts of receipt % sum to % and not %', whole_id, found, wanted
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
PART_TRIGGER = (
    "CREATE CONSTRAINT TRIGGER part_of_whole AFTER INSERT OR UPDATE ON receipts "
    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.part_of IS NOT NULL) "
    "EXECUTE FUNCTION refuse_other_parts()"
)
WHOLE_TRIGGER = (
    "CREATE CONSTRAINT TRIGGER whole_of_parts AFTER UPDATE ON receipts DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW WHEN (OLD.staff_place = 'split' OR NEW.staff_place = 'split') "
    "EXECUTE FUNCTION refuse_other_parts()"
)

for _statement in (REFUSE_OTHER_PARTS.replace("%", "%%"), PART_TRIGGER, WHOLE_TRIGGER):
    event.listen(Receipt.__table__, "after_create", ddl(_statement))
