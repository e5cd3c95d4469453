"""The settlement leg: entries of bank statements, and the class of money that did not arrive at the bank."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLES = ("bank_lines", "bank_periods")
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
)


def _allow(classes: tuple[str, ...]) -> None:
    named = ", ".join(f"'{name}'" for name in classes)
    op.drop_constraint(op.f("ck_breaks_break_class"), "breaks")
    op.create_check_constraint(op.f("ck_breaks_break_class"), "breaks", f"break_class IN ({named})")


def upgrade() -> None:
    op.create_table(
        "bank_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("entry_key", sa.String(length=40), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("named", sa.ARRAY(sa.String(length=20)), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_lines")),
        sa.UniqueConstraint(
            "wallet", "shortcode", "entry_key", name=op.f("uq_bank_lines_wallet_shortcode_entry_key")
        ),
    )
    op.create_index("ix_bank_lines_booked", "bank_lines", ["wallet", "shortcode", "booked_on"])
    op.create_table(
        "bank_periods",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_periods")),
        sa.UniqueConstraint(
            "wallet",
            "shortcode",
            "account",
            "first_on",
            "last_on",
            name=op.f("uq_bank_periods_wallet_shortcode_account_first_on_last_on"),
        ),
    )
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    _allow((*_CLASSES, "settlement_short"))


def downgrade() -> None:
    op.execute("DELETE FROM breaks WHERE break_class = 'settlement_short'")
    _allow(_CLASSES)
    for table in reversed(_TABLES):
        op.drop_table(table)
