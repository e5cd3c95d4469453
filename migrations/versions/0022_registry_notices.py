"""Deaths and new names that a registry told us of, until staff have finished them."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registry_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("event_on", sa.String(length=10), server_default="", nullable=False),
        sa.Column("status_before", sa.String(length=24), nullable=False),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_by", sa.String(length=80), nullable=True),
        sa.Column("answer", sa.String(length=12), nullable=True),
        sa.Column("reason", sa.String(length=400), server_default="", nullable=False),
        sa.CheckConstraint("kind IN ('death', 'name_change')", name=op.f("ck_registry_notices_kind")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_registry_notices_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_notices")),
    )
    op.create_index(
        "uq_registry_notices_open",
        "registry_notices",
        ["member_id", "kind"],
        unique=True,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index("ix_registry_notices_member", "registry_notices", ["member_id"])


def downgrade() -> None:
    op.drop_table("registry_notices")
