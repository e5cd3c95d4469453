"""What the central registry was told of memberships, and what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrolment_tellings",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("standing", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("standing IN ('active', 'inactive')", name=op.f("ck_enrolment_tellings_standing")),
        sa.CheckConstraint(
            "state IN ('waiting', 'confirmed', 'taken', 'withdrawn')",
            name=op.f("ck_enrolment_tellings_state"),
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_enrolment_tellings_member_id_members")
        ),
        sa.PrimaryKeyConstraint("member_id", "number", name=op.f("pk_enrolment_tellings")),
    )


def downgrade() -> None:
    op.drop_table("enrolment_tellings")
