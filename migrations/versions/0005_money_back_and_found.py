"""Refunds, claims, alerts, what the wallet says it holds, and the shortcode beside each message."""

import sqlalchemy as sa
from alembic import op

from core.database import append_only_trigger

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def instant(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def text(name: str, length: int, *, default: str | None = None, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length=length), server_default=default, nullable=nullable)


def cents(name: str, *, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    op.add_column("evidence", text("shortcode", 20, default=""))
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        text("kind", 30),
        text("subject", 120),
        text("detail", 300),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        instant("raised_at"),
        instant("last_at"),
        instant("cleared_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index("ix_alerts_raised", "alerts", ["raised_at"], unique=False)
    op.create_index(
        "uq_alerts_open",
        "alerts",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("cleared_at IS NULL"),
    )
    op.create_table(
        "float_readings",
        text("wallet", 20),
        text("shortcode", 20),
        text("receipt", 40),
        cents("balance_cents"),
        instant("paid_at"),
        sa.Column("gaps", sa.Integer(), server_default="0", nullable=False),
        cents("last_gap_cents", nullable=True),
        instant("last_gap_at", nullable=True),
        sa.PrimaryKeyConstraint("wallet", "shortcode", name=op.f("pk_float_readings")),
    )
    op.create_table(
        "held_amounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        text("wallet", 20),
        text("shortcode", 20),
        text("account", 40),
        cents("available_cents"),
        text("currency", 3),
        instant("at"),
        instant("seen_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_amounts")),
    )
    op.create_index("ix_held_amounts_at", "held_amounts", ["wallet", "shortcode", "at"], unique=False)
    op.execute(append_only_trigger("held_amounts"))
    _claims()
    _refunds()


def _claims() -> None:
    op.create_table(
        "claims",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        text("receipt", 40),
        sa.Column("receipt_id", sa.Uuid(), nullable=True),
        text("state", 10),
        text("why", 200, default=""),
        instant("claimed_at"),
        instant("decided_at", nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'offered', 'taken', 'staff', 'settled')", name=op.f("ck_claims_state")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_claims_member_id_members")),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipts.id"], name=op.f("fk_claims_receipt_id_receipts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
        sa.UniqueConstraint("member_id", "receipt", name=op.f("uq_claims_member_id_receipt")),
    )
    op.create_index("ix_claims_receipt", "claims", ["receipt"], unique=False)
    op.create_index(
        "ix_claims_staff", "claims", ["claimed_at"], unique=False, postgresql_where=sa.text("state = 'staff'")
    )


def _refunds() -> None:
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        text("wallet", 20),
        text("shortcode", 20),
        text("way", 10),
        sa.Column("phone", sa.Text(), nullable=True),
        cents("amount_cents"),
        text("currency", 3),
        text("why", 200),
        text("state", 10),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        text("conversation_id", 100, default=""),
        text("payout_receipt", 40, nullable=True),
        text("result_code", 40, default=""),
        text("result_text", 300, default=""),
        instant("asked_at"),
        instant("sent_at", nullable=True),
        instant("finished_at", nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'sending', 'sent', 'unknown', 'paid', 'failed')",
            name=op.f("ck_refunds_state"),
        ),
        sa.CheckConstraint("way IN ('payout', 'reversal')", name=op.f("ck_refunds_way")),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_refunds_amount")),
        sa.CheckConstraint("(way = 'payout') = (phone IS NOT NULL)", name=op.f("ck_refunds_phone")),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipts.id"], name=op.f("fk_refunds_receipt_id_receipts")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_refunds_member_id_members")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
    )
    op.create_index("ix_refunds_member", "refunds", ["member_id", "asked_at"], unique=False)
    op.create_index(
        "ix_refunds_waiting",
        "refunds",
        ["asked_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('requested', 'sending', 'sent', 'unknown')"),
    )
    op.create_index(
        "uq_refunds_receipt",
        "refunds",
        ["receipt_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'failed'"),
    )


def downgrade() -> None:
    for table in ("refunds", "claims", "held_amounts", "float_readings", "alerts"):
        op.drop_table(table)
    op.drop_column("evidence", "shortcode")
