"""A statement file that alone tells of much money is held until a second person has released it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_STATE = "ck_statement_imports_state"
_COLUMNS = (
    "alone_lines", "alone_cents", "alone_largest", "alone_accounts", "released_by", "released_at", "refused_by",
    "refused_reason",
)  # fmt: skip


def upgrade() -> None:
    for column in (
        sa.Column("alone_lines", sa.Integer(), server_default="0", nullable=False),
        sa.Column("alone_cents", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("alone_largest", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("alone_accounts", sa.Text()),
        sa.Column("released_by", sa.String(80)),
        sa.Column("released_at", sa.DateTime(timezone=True)),
        sa.Column("refused_by", sa.String(80)),
        sa.Column("refused_reason", sa.String(400), server_default="", nullable=False),
    ):
        op.add_column("statement_imports", column)
    op.drop_constraint(op.f(_STATE), "statement_imports")
    op.create_check_constraint(
        op.f(_STATE),
        "statement_imports",
        "state IN ('waiting', 'reading', 'held', 'done', 'refused', 'failed')",
    )
    op.create_check_constraint(
        op.f("ck_statement_imports_two_people"),
        "statement_imports",
        "released_by IS NULL OR released_by <> by",
    )
    op.create_index(
        "ix_statement_imports_held",
        "statement_imports",
        ["at"],
        postgresql_where=sa.text("state = 'held'"),
    )


def downgrade() -> None:
    op.drop_index("ix_statement_imports_held", table_name="statement_imports")
    op.drop_constraint(op.f("ck_statement_imports_two_people"), "statement_imports")
    # What is held was not taken: without the state it can be handed in again.
    op.execute("UPDATE statement_imports SET state = 'failed' WHERE state = 'held'")
    op.drop_constraint(op.f(_STATE), "statement_imports")
    op.create_check_constraint(
        op.f(_STATE), "statement_imports", "state IN ('waiting', 'reading', 'done', 'refused', 'failed')"
    )
    for column in _COLUMNS:
        op.drop_column("statement_imports", column)
