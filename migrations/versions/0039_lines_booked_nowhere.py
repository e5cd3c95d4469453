"""Lines that move money and are booked nowhere are differences, and staff can book them."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_CLASSES = (
    "not_on_statement",
    "not_in_ledger",
    "amount_differs",
    "not_posted",
    "not_acknowledged",
    "registry_amount_differs",
    "suspense",
    "mismatch",
    "unknown_outcome",
    "reversed_after_credit",
    "conflicting_evidence",
    "duplicate_intent",
    "unexpected_charge",
    "rejected_by_registry",
    "missing_callback",
    "duplicate_receipt",
    "late_across_cutoff",
    "settlement_short",
)
_ACTS = ("match", "split", "suspend", "refund", "write_off", "repost", "explain")
_BOOKS = ("book_cost", "book_bank")


def _allow(table: str, column: str, values: tuple[str, ...]) -> None:
    named = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint(op.f(f"ck_{table}_{column}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} IN ({named})")


def upgrade() -> None:
    _allow("breaks", "break_class", (*_CLASSES, "unbooked_line"))
    _allow("decisions", "act", (*_ACTS, *_BOOKS, "undo"))
    op.create_index(
        "ix_wallet_lines_unnamed",
        "wallet_lines",
        ["wallet", "shortcode", "at"],
        postgresql_where=sa.text("kind = 'other'"),
    )
    op.create_index(
        "ix_refunds_payout",
        "refunds",
        ["payout_receipt"],
        postgresql_where=sa.text("payout_receipt IS NOT NULL"),
    )
    op.create_index(
        "ix_refunds_without_code",
        "refunds",
        ["wallet", "shortcode", "amount_cents"],
        postgresql_where=sa.text("payout_receipt IS NULL AND way = 'payout' AND state <> 'failed'"),
    )


def downgrade() -> None:
    op.drop_index("ix_refunds_without_code", table_name="refunds")
    op.drop_index("ix_refunds_payout", table_name="refunds")
    op.drop_index("ix_wallet_lines_unnamed", table_name="wallet_lines")
    # What was booked stays booked, and what was decided and noted stays written: under names that were known.
    op.execute("UPDATE decisions SET act = 'explain' WHERE act IN ('book_cost', 'book_bank')")
    op.execute(
        "UPDATE breaks SET break_class = 'not_in_ledger', subject = left('unbooked-' || subject, 64),"
        " state = 'resolved', resolved_at = coalesce(resolved_at, last_seen)"
        " WHERE break_class = 'unbooked_line'"
    )
    _allow("decisions", "act", (*_ACTS, "undo"))
    _allow("breaks", "break_class", _CLASSES)
