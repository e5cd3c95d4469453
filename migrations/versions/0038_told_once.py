"""An alert knows that it was told, by SMS and by mail: the tasks that told it are forgotten after a month."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

# What was told is known by its task still: each look made it anew.
_TOLD = """
UPDATE alerts a SET {column} = o.created_at FROM outbox o
WHERE a.cleared_at IS NULL AND o.topic = '{topic}' AND o.key = {key}
"""


def upgrade() -> None:
    for column in ("told_at", "mailed_at"):
        op.add_column("alerts", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.execute(_TOLD.format(column="told_at", topic="message", key="'alert:' || a.id || '\\:0'"))
    op.execute(_TOLD.format(column="mailed_at", topic="alert_mail", key="a.id::text"))
    # A kind of its own: the end of a refund that failed is not the end of this.
    op.execute(
        "UPDATE alerts SET kind = 'refund_paid_twice'"
        " WHERE kind = 'refund_failed' AND detail = 'paid after it failed'"
    )
    # Its subject is by now the newest day that is missing.
    op.execute(
        "UPDATE alerts SET subject = substring(detail FROM 10 FOR 10)"
        " WHERE kind = 'statement_missing' AND detail LIKE 'none for ____-__-__:%'"
    )


def downgrade() -> None:
    op.execute("UPDATE alerts SET subject = 'all' WHERE kind = 'statement_missing'")
    op.execute(
        "UPDATE alerts a SET cleared_at = a.last_at WHERE a.kind = 'refund_failed' AND a.cleared_at IS NULL"
        " AND EXISTS (SELECT FROM alerts b WHERE b.kind = 'refund_paid_twice' AND b.subject = a.subject"
        " AND b.cleared_at IS NULL)"
    )
    op.execute("UPDATE alerts SET kind = 'refund_failed' WHERE kind = 'refund_paid_twice'")
    for column in ("mailed_at", "told_at"):
        op.drop_column("alerts", column)
