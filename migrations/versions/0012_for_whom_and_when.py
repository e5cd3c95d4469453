"""A contribution may be asked for by another member, and count for another month."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contributions", sa.Column("asked_by", sa.Uuid(), nullable=True))
    op.add_column("contributions", sa.Column("period", sa.String(length=7), nullable=True))
    op.create_foreign_key(
        op.f("fk_contributions_asked_by_members"), "contributions", "members", ["asked_by"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_contributions_period"), "contributions", "period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'"
    )
    op.create_index(
        "ix_contributions_asked_by",
        "contributions",
        ["asked_by", "requested_at"],
        postgresql_where=sa.text("asked_by IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_contributions_asked_by", table_name="contributions")
    op.drop_constraint(op.f("ck_contributions_period"), "contributions", type_="check")
    op.drop_constraint(op.f("fk_contributions_asked_by_members"), "contributions", type_="foreignkey")
    op.drop_column("contributions", "period")
    op.drop_column("contributions", "asked_by")
