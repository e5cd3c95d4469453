"""Which member numbers a phone asked about, so that it does not go through all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "number_look_ups",
        sa.Column("phone_index", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.String(length=9), nullable=False),
        sa.PrimaryKeyConstraint("phone_index", "day", "number", name=op.f("pk_number_look_ups")),
    )
    op.create_index(op.f("ix_number_look_ups_day"), "number_look_ups", ["day"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_number_look_ups_day"), table_name="number_look_ups")
    op.drop_table("number_look_ups")
