"""Saving plans and the reminders written for them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saving_plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("rhythm", sa.String(length=10), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reminders", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("scheme_from", sa.Date(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "rhythm IN ('day', 'week', 'month', 'season')", name=op.f("ck_saving_plans_rhythm")
        ),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_saving_plans_amount")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_saving_plans_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saving_plans")),
        sa.UniqueConstraint("key", name=op.f("uq_saving_plans_key")),
    )
    op.create_index(
        "uq_saving_plans_holding",
        "saving_plans",
        ["member_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_saving_plans_reminded",
        "saving_plans",
        ["rhythm", "id"],
        postgresql_where=sa.text("ended_at IS NULL AND reminders"),
    )
    op.create_table(
        "plan_reminders",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("period_first", sa.Date(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["saving_plans.id"], name=op.f("fk_plan_reminders_plan_id_saving_plans")
        ),
        sa.PrimaryKeyConstraint("plan_id", "period_first", name=op.f("pk_plan_reminders")),
    )


def downgrade() -> None:
    op.drop_table("plan_reminders")
    op.drop_table("saving_plans")
