"""M-Pesa's pulled payments have keys of their own: the statement's row, with its balance, is kept beside them."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_OLD, _NEW = r"w.receipt || '\:credit'", r"w.receipt || '\:credit\:pull'"
_PULLED = "w.wallet = 'mpesa' AND w.source = 'pull' AND w.kind = 'credit'"


def upgrade() -> None:
    # What a line tells stays as it is; what it is called is ours.
    _change(f"SET row_key = {_NEW} WHERE {_PULLED} AND w.row_key = {_OLD}")


def downgrade() -> None:
    # What a statement lists too keeps both rows: payments were always counted by their receipts.
    _change(
        f"SET row_key = {_OLD} WHERE {_PULLED} AND w.row_key = {_NEW} AND NOT EXISTS ("
        f" SELECT FROM wallet_lines o WHERE o.receipt = w.receipt AND o.row_key = {_OLD}"
        " AND o.shortcode = w.shortcode AND o.wallet = w.wallet)"
    )


def _change(how: str) -> None:
    op.execute("ALTER TABLE wallet_lines DISABLE TRIGGER append_only")
    op.execute(f"UPDATE wallet_lines w {how}")
    op.execute("ALTER TABLE wallet_lines ENABLE TRIGGER append_only")
