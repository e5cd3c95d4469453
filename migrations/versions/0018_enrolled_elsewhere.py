"""Whether who joins is enrolled in another programme: what the central registry said, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrolment_checks",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'yes', 'no', 'unknown')", name=op.f("ck_enrolment_checks_state")
        ),
        sa.ForeignKeyConstraint(
            ["check_id"], ["identity_checks.id"], name=op.f("fk_enrolment_checks_check_id_identity_checks")
        ),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_enrolment_checks")),
    )


def downgrade() -> None:
    op.drop_table("enrolment_checks")
