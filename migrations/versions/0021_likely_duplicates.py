"""Likely duplicates: cases, decisions of staff about them, and which membership stayed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("members", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_members_merged_into_members"), "members", "members", ["merged_into"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_members_merged"), "members", "merged_into IS NULL OR status = 'closed'"
    )
    op.create_index(
        "ix_members_merged_into",
        "members",
        ["merged_into"],
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    _cases()
    _decisions()
    # A correction is of one record, of which a receipt may by now have had several.
    op.add_column("registry_corrections", sa.Column("corrects", sa.Uuid(), nullable=True))
    op.execute("UPDATE registry_corrections SET corrects = receipt_id")
    op.alter_column("registry_corrections", "corrects", nullable=False)
    op.drop_constraint(op.f("pk_registry_corrections"), "registry_corrections")
    op.create_primary_key(op.f("pk_registry_corrections"), "registry_corrections", ["corrects"])
    op.create_index(op.f("ix_registry_corrections_receipt_id"), "registry_corrections", ["receipt_id"])
    op.execute("UPDATE outbox SET payload = jsonb_build_object('corrects', key) WHERE topic = 'correct'")


def _cases() -> None:
    op.create_table(
        "duplicate_cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.String(length=20)), nullable=False),
        sa.Column("confidence", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_duplicate_cases_order")),
        sa.CheckConstraint("state IN ('open', 'merged', 'different')", name=op.f("ck_duplicate_cases_state")),
        sa.ForeignKeyConstraint(
            ["first_id"], ["members.id"], name=op.f("fk_duplicate_cases_first_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["second_id"], ["members.id"], name=op.f("fk_duplicate_cases_second_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_cases")),
        sa.UniqueConstraint("first_id", "second_id", name=op.f("uq_duplicate_cases_first_id_second_id")),
    )
    op.create_index("ix_duplicate_cases_second", "duplicate_cases", ["second_id"])
    op.create_index(
        "ix_duplicate_cases_open",
        "duplicate_cases",
        ["confidence", "opened_at"],
        postgresql_where=sa.text("state = 'open'"),
    )


def _decisions() -> None:
    op.create_table(
        "pair_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("kept_id", sa.Uuid(), nullable=True),
        sa.Column("closed_id", sa.Uuid(), nullable=True),
        sa.Column("undoes_id", sa.Uuid(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("maker", sa.String(length=80), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checker", sa.String(length=80), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checker_reason", sa.String(length=400), server_default="", nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moved", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.CheckConstraint("act IN ('merge', 'different', 'undo')", name=op.f("ck_pair_decisions_act")),
        sa.CheckConstraint(
            "state IN ('proposed', 'done', 'refused', 'undone')", name=op.f("ck_pair_decisions_state")
        ),
        sa.CheckConstraint("checker IS NULL OR checker <> maker", name=op.f("ck_pair_decisions_two_people")),
        sa.CheckConstraint(
            "act <> 'merge' OR (kept_id <> closed_id)", name=op.f("ck_pair_decisions_two_members")
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["duplicate_cases.id"], name=op.f("fk_pair_decisions_case_id_duplicate_cases")
        ),
        sa.ForeignKeyConstraint(["kept_id"], ["members.id"], name=op.f("fk_pair_decisions_kept_id_members")),
        sa.ForeignKeyConstraint(
            ["closed_id"], ["members.id"], name=op.f("fk_pair_decisions_closed_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["pair_decisions.id"], name=op.f("fk_pair_decisions_undoes_id_pair_decisions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pair_decisions")),
    )
    op.create_index("ix_pair_decisions_case", "pair_decisions", ["case_id", "made_at"])
    op.create_index(
        "uq_pair_decisions_waiting",
        "pair_decisions",
        ["case_id"],
        unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.create_index(
        "uq_pair_decisions_closed",
        "pair_decisions",
        ["closed_id"],
        unique=True,
        postgresql_where=sa.text("act = 'merge' AND state = 'done'"),
    )


def downgrade() -> None:
    op.execute("UPDATE outbox SET payload = jsonb_build_object('receipt_id', key) WHERE topic = 'correct'")
    op.drop_index(op.f("ix_registry_corrections_receipt_id"), "registry_corrections")
    op.drop_constraint(op.f("pk_registry_corrections"), "registry_corrections")
    op.create_primary_key(op.f("pk_registry_corrections"), "registry_corrections", ["receipt_id"])
    op.drop_column("registry_corrections", "corrects")
    op.drop_table("pair_decisions")
    op.drop_table("duplicate_cases")
    op.drop_index("ix_members_merged_into", "members")
    op.drop_constraint(op.f("ck_members_merged"), "members")
    op.drop_constraint(op.f("fk_members_merged_into_members"), "members")
    op.drop_column("members", "merged_into")
