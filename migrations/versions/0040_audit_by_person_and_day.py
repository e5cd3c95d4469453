"""The audit trail is searched by who acted, by what was done and by day."""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_audit_action", table_name="audit")
    op.create_index("ix_audit_action", "audit", ["action", "number"])
    op.create_index("ix_audit_actor", "audit", ["actor", "number"])
    op.create_index("ix_audit_at", "audit", ["at"])


def downgrade() -> None:
    op.drop_index("ix_audit_at", table_name="audit")
    op.drop_index("ix_audit_actor", table_name="audit")
    op.drop_index("ix_audit_action", table_name="audit")
    op.create_index("ix_audit_action", "audit", ["action"])
