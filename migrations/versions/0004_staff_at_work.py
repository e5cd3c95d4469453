"""Staff's work: decisions by two people, closings, statement files, presence, and more kinds of differences."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FIRST_CLASSES = (
    "not_on_statement",
    "not_in_ledger",
    "amount_differs",
    "not_posted",
    "not_acknowledged",
    "registry_amount_differs",
    "suspense",
    "mismatch",
    "unknown_outcome",
    "reversed_after_credit",
)
NEW_CLASSES = (
    "conflicting_evidence",
    "duplicate_intent",
    "unexpected_charge",
    "rejected_by_registry",
    "missing_callback",
    "duplicate_receipt",
    "late_across_cutoff",
)
APPEND_ONLY = ("audit_heads", "break_notes")


def one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def replace_check(name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_breaks_{name}"), "breaks")
    op.create_check_constraint(op.f(f"ck_breaks_{name}"), "breaks", condition)


def upgrade() -> None:
    replace_check("break_class", one_of("break_class", FIRST_CLASSES + NEW_CLASSES))
    replace_check("state", "state IN ('open', 'resolved', 'settled')")
    op.create_table(
        "audit_heads",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "closings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=5), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=400), server_default="", nullable=False),
        sa.Column("postings_through", sa.BigInteger(), nullable=False),
        sa.Column("lines_through", sa.BigInteger(), nullable=False),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened_by", sa.String(length=80), nullable=True),
        sa.Column("reopened_reason", sa.String(length=400), server_default="", nullable=False),
        sa.Column("reopened_postings_through", sa.BigInteger(), nullable=True),
        sa.Column("reopened_lines_through", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("scope IN ('day', 'month')", name=op.f("ck_closings_scope")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closings")),
    )
    op.create_index(
        "ix_closings_period", "closings", ["wallet", "shortcode", "scope", "period"], unique=False
    )
    op.create_index(
        "uq_closings_in_force",
        "closings",
        ["wallet", "shortcode", "scope", "period"],
        unique=True,
        postgresql_where=sa.text("reopened_at IS NULL"),
    )
    op.create_table(
        "statement_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lines_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lines_kept", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lines_new", sa.Integer(), server_default="0", nullable=False),
        sa.Column("applied", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_completed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("repeated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("oddities_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("oddities", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("faults", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'reading', 'done', 'refused', 'failed')",
            name=op.f("ck_statement_imports_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_imports")),
    )
    op.create_index("ix_statement_imports_at", "statement_imports", ["at", "id"], unique=False)
    op.create_index("ix_statement_imports_digest", "statement_imports", ["digest"], unique=False)
    op.create_table(
        "staff_presence",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_presence_staff_id_staff")),
        sa.PrimaryKeyConstraint("subject", "staff_id", name=op.f("pk_staff_presence")),
    )
    op.create_index(op.f("ix_staff_presence_seen_at"), "staff_presence", ["seen_at"], unique=False)
    op.create_table(
        "statement_pieces",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["statement_imports.id"],
            name=op.f("fk_statement_pieces_import_id_statement_imports"),
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_statement_pieces")),
    )
    op.create_table(
        "break_notes",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("break_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(["break_id"], ["breaks.id"], name=op.f("fk_break_notes_break_id_breaks")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_break_notes")),
    )
    op.create_index("ix_break_notes_break", "break_notes", ["break_id", "number"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=True),
        sa.Column("break_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("undoes_id", sa.Uuid(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("maker", sa.String(length=80), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checker", sa.String(length=80), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checker_reason", sa.String(length=400), server_default="", nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("before", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("after", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.CheckConstraint(
            "act IN ('match', 'suspend', 'refund', 'write_off', 'repost', 'explain', 'undo')",
            name=op.f("ck_decisions_act"),
        ),
        sa.CheckConstraint(
            "state IN ('proposed', 'done', 'refused', 'undone')", name=op.f("ck_decisions_state")
        ),
        sa.CheckConstraint("checker IS NULL OR checker <> maker", name=op.f("ck_decisions_two_people")),
        sa.CheckConstraint(
            "receipt_id IS NOT NULL OR break_id IS NOT NULL", name=op.f("ck_decisions_subject")
        ),
        sa.ForeignKeyConstraint(["break_id"], ["breaks.id"], name=op.f("fk_decisions_break_id_breaks")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_decisions_member_id_members")),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.id"], name=op.f("fk_decisions_receipt_id_receipts")
        ),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["decisions.id"], name=op.f("fk_decisions_undoes_id_decisions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_break", "decisions", ["break_id", "made_at"], unique=False)
    op.create_index("ix_decisions_receipt", "decisions", ["receipt_id", "made_at"], unique=False)
    op.create_index(
        "ix_decisions_refunds",
        "decisions",
        ["done_at"],
        unique=False,
        postgresql_where=sa.text("act = 'refund' AND state = 'done'"),
    )
    op.create_index(
        "uq_decisions_undoes",
        "decisions",
        ["undoes_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('proposed', 'done')"),
    )
    op.create_index(
        "uq_decisions_waiting_break",
        "decisions",
        ["break_id"],
        unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.create_index(
        "uq_decisions_waiting_receipt",
        "decisions",
        ["receipt_id"],
        unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.add_column("breaks", sa.Column("owner", sa.String(length=80), nullable=True))
    op.create_index(
        "ix_breaks_open",
        "breaks",
        ["first_seen", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.add_column("receipts", sa.Column("staff_place", sa.String(length=12), nullable=True))
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    # ### commands auto generated by Alembic - please adjust! ###
    op.drop_column("receipts", "staff_place")
    op.drop_index("ix_breaks_open", table_name="breaks", postgresql_where=sa.text("state = 'open'"))
    op.drop_column("breaks", "owner")
    op.drop_index(
        "uq_decisions_waiting_receipt", table_name="decisions", postgresql_where=sa.text("state = 'proposed'")
    )
    op.drop_index(
        "uq_decisions_waiting_break", table_name="decisions", postgresql_where=sa.text("state = 'proposed'")
    )
    op.drop_index(
        "uq_decisions_undoes",
        table_name="decisions",
        postgresql_where=sa.text("state IN ('proposed', 'done')"),
    )
    op.drop_index(
        "ix_decisions_refunds",
        table_name="decisions",
        postgresql_where=sa.text("act = 'refund' AND state = 'done'"),
    )
    op.drop_index("ix_decisions_receipt", table_name="decisions")
    op.drop_index("ix_decisions_break", table_name="decisions")
    op.drop_table("decisions")
    op.drop_index("ix_break_notes_break", table_name="break_notes")
    op.drop_table("break_notes")
    op.drop_table("statement_pieces")
    op.drop_index(op.f("ix_staff_presence_seen_at"), table_name="staff_presence")
    op.drop_table("staff_presence")
    op.drop_index("ix_statement_imports_digest", table_name="statement_imports")
    op.drop_index("ix_statement_imports_at", table_name="statement_imports")
    op.drop_table("statement_imports")
    op.drop_index(
        "uq_closings_in_force", table_name="closings", postgresql_where=sa.text("reopened_at IS NULL")
    )
    op.drop_index("ix_closings_period", table_name="closings")
    op.drop_table("closings")
    op.drop_table("audit_heads")
    first = one_of("break_class", FIRST_CLASSES)
    op.execute(f"DELETE FROM breaks WHERE state = 'settled' OR NOT ({first})")  # noqa: S608 -- of names above
    replace_check("state", "state IN ('open', 'resolved')")
    replace_check("break_class", one_of("break_class", FIRST_CLASSES))
