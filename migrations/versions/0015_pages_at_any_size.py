"""Indexes that keep staff pages fast when payments, differences and audit entries are many."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_breaks_seen", "breaks", ["first_seen", "id"])
    op.create_index("ix_breaks_kind", "breaks", ["break_class", "id"])
    op.create_index(
        "ix_breaks_contribution",
        "breaks",
        ["contribution_id"],
        postgresql_where=sa.text("contribution_id IS NOT NULL"),
    )
    op.create_index("ix_reconciliation_runs_last", "reconciliation_runs", ["day", "at"])
    op.create_index("ix_reconciliation_runs_at", "reconciliation_runs", ["at"])
    # Lists are subjects of very many entries: the newest of them are found without sorting all.
    op.drop_index("ix_audit_subject", table_name="audit")
    op.create_index("ix_audit_subject", "audit", ["subject", "number"])


def downgrade() -> None:
    op.drop_index("ix_audit_subject", table_name="audit")
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.drop_index("ix_reconciliation_runs_at", table_name="reconciliation_runs")
    op.drop_index("ix_reconciliation_runs_last", table_name="reconciliation_runs")
    op.drop_index("ix_breaks_contribution", table_name="breaks")
    op.drop_index("ix_breaks_kind", table_name="breaks")
    op.drop_index("ix_breaks_seen", table_name="breaks")
