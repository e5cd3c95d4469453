"""Records that correct what the central registry acknowledged before it was reversed or refunded."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registry_corrections",
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("reference_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("why", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=300), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_registry_corrections_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.id"], name=op.f("fk_registry_corrections_receipt_id_receipts")
        ),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_registry_corrections")),
        sa.UniqueConstraint("reference_id", name=op.f("uq_registry_corrections_reference_id")),
    )
    op.create_index(
        op.f("ix_registry_corrections_member_id"), "registry_corrections", ["member_id"], unique=False
    )
    op.create_index(
        "ix_registry_corrections_open",
        "registry_corrections",
        ["created_at"],
        postgresql_where=sa.text("state IN ('pending', 'posted', 'rejected')"),
    )


def downgrade() -> None:
    op.drop_table("registry_corrections")
