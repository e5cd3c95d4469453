"""A member whose PIN was taken away has none until they choose another."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("pins", "hash", existing_type=sa.Text(), nullable=True)
    op.add_column("pins", sa.Column("choose_until", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_pins_hash_or_choice"), "pins", "(hash IS NULL) = (choose_until IS NOT NULL)"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_pins_hash_or_choice"), "pins")
    op.drop_column("pins", "choose_until")
    # Who has no PIN has no row either, and is locked.
    op.execute("DELETE FROM pins WHERE hash IS NULL")
    op.alter_column("pins", "hash", existing_type=sa.Text(), nullable=False)
