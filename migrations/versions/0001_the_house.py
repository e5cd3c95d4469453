"""The house: every table of the first release, and the triggers that keep truth append-only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "audit",
    "consents",
    "contribution_events",
    "delivery_reports",
    "evidence",
    "ledger_postings",
    "ledger_transfers",
    "pull_runs",
    "wallet_lines",
)
REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""
REFUSE_UNBALANCED = """
CREATE OR REPLACE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
    WHERE p.transfer_id = NEW.transfer_id GROUP BY a.currency HAVING sum(p.amount_cents) <> 0
  ) THEN
    RAISE EXCEPTION 'transfer % does not sum to zero', NEW.transfer_id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
BALANCED_TRIGGER = """CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_postings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced()"""


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("member_number_seq", minvalue=1, maxvalue=9999999)))
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=400), server_default="", nullable=False),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_hash")),
    )
    op.create_index(op.f("ix_audit_action"), "audit", ["action"], unique=False)
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"], unique=False)
    op.create_table(
        "delivery_reports",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider_id", sa.String(length=120), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("failure_reason", sa.String(length=200), nullable=False),
        sa.Column("network_code", sa.String(length=20), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_delivery_reports")),
    )
    op.create_index(
        op.f("ix_delivery_reports_provider_id"), "delivery_reports", ["provider_id"], unique=False
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("reference", sa.String(length=64), server_default="", nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_received_at"), "evidence", ["received_at"], unique=False)
    op.create_table(
        "hop_results",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_hop_results")),
    )
    op.create_index(op.f("ix_hop_results_at"), "hop_results", ["at"], unique=False)
    op.create_table(
        "inbound_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.String(length=120), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sender_index", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("keyword", sa.String(length=20), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_messages")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_inbound_messages_provider_id")),
    )
    op.create_index(op.f("ix_inbound_messages_keyword"), "inbound_messages", ["keyword"], unique=False)
    op.create_index(
        "ix_inbound_messages_sender", "inbound_messages", ["sender_index", "received_at"], unique=False
    )
    op.create_table(
        "ledger_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.CheckConstraint(
            "kind IN ('wallet_float', 'charges', 'bank_in_transit', 'member', 'suspense', 'refunds_payable', 'registry_clearing')",
            name=op.f("ck_ledger_accounts_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_accounts")),
        sa.UniqueConstraint("kind", "key", "currency", name=op.f("uq_ledger_accounts_kind_key_currency")),
    )
    op.create_table(
        "ledger_transfers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("business_key", sa.String(length=160), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("corrects_id", sa.Uuid(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["corrects_id"],
            ["ledger_transfers.id"],
            name=op.f("fk_ledger_transfers_corrects_id_ledger_transfers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transfers")),
        sa.UniqueConstraint("business_key", name=op.f("uq_ledger_transfers_business_key")),
    )
    op.create_index(
        "ix_ledger_transfers_corrects",
        "ledger_transfers",
        ["corrects_id"],
        unique=False,
        postgresql_where="corrects_id IS NOT NULL",
    )
    op.create_index(
        op.f("ix_ledger_transfers_recorded_at"), "ledger_transfers", ["recorded_at"], unique=False
    )
    op.create_table(
        "members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=9), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("phone_index", sa.String(length=64), nullable=False),
        sa.Column("wallet_hash_index", sa.String(length=64), nullable=False),
        sa.Column("identifier_type", sa.String(length=20), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("identifier_index", sa.String(length=64), nullable=False),
        sa.Column("masked_name", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Text(), nullable=True),
        sa.Column("name_birth_index", sa.String(length=64), nullable=True),
        sa.Column("name_source", sa.String(length=80), nullable=True),
        sa.Column("name_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name_confirmed", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("join_key", sa.String(length=200), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending_verification', 'active', 'needs_review', 'deceased', 'closed')",
            name=op.f("ck_members_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
        sa.UniqueConstraint(
            "identifier_type", "identifier_index", name=op.f("uq_members_identifier_type_identifier_index")
        ),
        sa.UniqueConstraint("join_key", name=op.f("uq_members_join_key")),
        sa.UniqueConstraint("number", name=op.f("uq_members_number")),
        sa.UniqueConstraint("phone_index", name=op.f("uq_members_phone_index")),
        sa.UniqueConstraint("wallet_hash_index", name=op.f("uq_members_wallet_hash_index")),
    )
    op.create_index(op.f("ix_members_name_birth_index"), "members", ["name_birth_index"], unique=False)
    op.create_index(op.f("ix_members_status"), "members", ["status"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("order_key", sa.String(length=200), server_default="", nullable=False),
        sa.Column("state", sa.String(length=10), server_default="pending", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'done', 'dead')", name=op.f("ck_outbox_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("topic", "key", name=op.f("uq_outbox_topic_key")),
    )
    op.create_index(
        "ix_outbox_due", "outbox", ["due_at"], unique=False, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index(
        "ix_outbox_order",
        "outbox",
        ["order_key", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND order_key <> ''"),
    )
    op.create_table(
        "pull_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=300), server_default="", nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull_runs")),
    )
    op.create_index(
        "ix_pull_runs_complete",
        "pull_runs",
        ["wallet", "shortcode", "window_end"],
        unique=False,
        postgresql_where=sa.text("complete"),
    )
    op.create_index(op.f("ix_pull_runs_finished_at"), "pull_runs", ["finished_at"], unique=False)
    op.create_table(
        "reconciliation_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("received_cents", sa.BigInteger(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_cents", sa.BigInteger(), nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.Column("posted_cents", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_cents", sa.BigInteger(), nullable=False),
        sa.Column("wallet_lines", sa.BigInteger(), nullable=False),
        sa.Column("wallet_in_cents", sa.BigInteger(), nullable=False),
        sa.Column("wallet_out_cents", sa.BigInteger(), nullable=False),
        sa.Column("breaks_open", sa.Integer(), nullable=False),
        sa.Column("breaks_found", sa.Integer(), nullable=False),
        sa.Column("breaks_resolved", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_runs")),
    )
    op.create_index(
        "ix_reconciliation_runs_day",
        "reconciliation_runs",
        ["wallet", "shortcode", "day", "at"],
        unique=False,
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("session_key", sa.String(length=64), nullable=False),
        sa.Column("totp_secret", sa.Text(), nullable=True),
        sa.Column("totp_offered", sa.Text(), nullable=True),
        sa.Column("totp_last_step", sa.Integer(), nullable=True),
        sa.Column(
            "recovery_hashes", postgresql.ARRAY(sa.String(length=64)), server_default="{}", nullable=False
        ),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('officer', 'checker', 'supervisor', 'auditor', 'admin')", name=op.f("ck_staff_role")
        ),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_staff_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("email", name=op.f("uq_staff_email")),
    )
    op.create_table(
        "staff_sign_in_tries",
        sa.Column("name_hash", sa.String(length=64), nullable=False),
        sa.Column("failed_count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name_hash", name=op.f("pk_staff_sign_in_tries")),
    )
    op.create_index("ix_staff_sign_in_tries_last_at", "staff_sign_in_tries", ["last_at"], unique=False)
    op.create_table(
        "wallet_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("row_key", sa.String(length=160), nullable=False),
        sa.Column("receipt", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("balance_after_cents", sa.BigInteger(), nullable=True),
        sa.Column("linked_receipt", sa.String(length=40), server_default="", nullable=False),
        sa.Column("payer_index", sa.String(length=64), nullable=True),
        sa.Column("particulars", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_lines")),
        sa.UniqueConstraint(
            "wallet", "shortcode", "row_key", name=op.f("uq_wallet_lines_wallet_shortcode_row_key")
        ),
    )
    op.create_index("ix_wallet_lines_at", "wallet_lines", ["wallet", "shortcode", "at"], unique=False)
    op.create_index(
        "ix_wallet_lines_receipt", "wallet_lines", ["wallet", "shortcode", "receipt"], unique=False
    )
    op.create_table(
        "consents",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("notice_version", sa.String(length=80), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("purpose IN ('saving', 'reminders')", name=op.f("ck_consents_purpose")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_consents_member_id_members")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_consents")),
    )
    op.create_index(
        "ix_consents_member_purpose", "consents", ["member_id", "purpose", "number"], unique=False
    )
    op.create_table(
        "identity_checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("phone_index", sa.String(length=64), nullable=False),
        sa.Column("identifier_type", sa.String(length=20), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("identifier_index", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("masked_name", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Text(), nullable=True),
        sa.Column("name_birth_index", sa.String(length=64), nullable=True),
        sa.Column("source", sa.String(length=80), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'found', 'unknown', 'dead', 'minor', 'taken', 'look_alike', 'several', 'unavailable', 'too_many')",
            name=op.f("ck_identity_checks_state"),
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_identity_checks_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_checks")),
        sa.UniqueConstraint("key", name=op.f("uq_identity_checks_key")),
    )
    op.create_index(
        "ix_identity_checks_identifier",
        "identity_checks",
        ["identifier_type", "identifier_index"],
        unique=False,
    )
    op.create_index(op.f("ix_identity_checks_member_id"), "identity_checks", ["member_id"], unique=False)
    op.create_index(
        "ix_identity_checks_phone", "identity_checks", ["phone_index", "created_at"], unique=False
    )
    op.create_table(
        "ledger_balances",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("stripe", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("balance_cents", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["ledger_accounts.id"], name=op.f("fk_ledger_balances_account_id_ledger_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", "stripe", name=op.f("pk_ledger_balances")),
    )
    op.create_table(
        "ledger_postings",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_cents <> 0", name=op.f("ck_ledger_postings_amount")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["ledger_accounts.id"], name=op.f("fk_ledger_postings_account_id_ledger_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["transfer_id"],
            ["ledger_transfers.id"],
            name=op.f("fk_ledger_postings_transfer_id_ledger_transfers"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger_postings")),
    )
    op.create_index(op.f("ix_ledger_postings_account_id"), "ledger_postings", ["account_id"], unique=False)
    op.create_index(op.f("ix_ledger_postings_transfer_id"), "ledger_postings", ["transfer_id"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("phone_index", sa.String(length=64), nullable=False),
        sa.Column("template", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("septets", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("resent", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("provider_id", sa.String(length=120), nullable=True),
        sa.Column("provider_status", sa.String(length=60), server_default="", nullable=False),
        sa.Column("cost", sa.String(length=40), server_default="", nullable=False),
        sa.Column("failure_reason", sa.String(length=200), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("final_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'unknown', 'withheld')",
            name=op.f("ck_messages_state"),
        ),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_messages_member_id_members")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("key", name=op.f("uq_messages_key")),
    )
    op.create_index(op.f("ix_messages_member_id"), "messages", ["member_id"], unique=False)
    op.create_index("ix_messages_phone", "messages", ["phone_index", "created_at"], unique=False)
    op.create_index(op.f("ix_messages_provider_id"), "messages", ["provider_id"], unique=False)
    op.create_index(op.f("ix_messages_state"), "messages", ["state"], unique=False)
    op.create_table(
        "phone_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("old_phone", sa.Text(), nullable=False),
        sa.Column("old_phone_index", sa.String(length=64), nullable=False),
        sa.Column("new_phone", sa.Text(), nullable=False),
        sa.Column("new_phone_index", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("doubt", sa.String(length=40), server_default="", nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.String(length=400), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'staff', 'done', 'stopped', 'refused')", name=op.f("ck_phone_changes_state")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_phone_changes_member_id_members")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_changes")),
        sa.UniqueConstraint("key", name=op.f("uq_phone_changes_key")),
    )
    op.create_index(op.f("ix_phone_changes_member_id"), "phone_changes", ["member_id"], unique=False)
    op.create_index(
        "ix_phone_changes_new_phone", "phone_changes", ["new_phone_index", "requested_at"], unique=False
    )
    op.create_index("ix_phone_changes_old_phone", "phone_changes", ["old_phone_index", "state"], unique=False)
    op.create_index(op.f("ix_phone_changes_state"), "phone_changes", ["state"], unique=False)
    op.create_table(
        "pins",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("failed_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_key", sa.String(length=200), server_default="", nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_pins_member_id_members")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_pins")),
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("receipt", sa.String(length=40), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("match_step", sa.String(length=20), nullable=False),
        sa.Column("match_why", sa.String(length=200), server_default="", nullable=False),
        sa.Column("payer_index", sa.String(length=64), nullable=True),
        sa.Column("particulars", sa.Text(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_receipts_amount")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_receipts_member_id_members")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint(
            "wallet", "shortcode", "receipt", name=op.f("uq_receipts_wallet_shortcode_receipt")
        ),
    )
    op.create_index("ix_receipts_day", "receipts", ["wallet", "shortcode", "paid_at"], unique=False)
    op.create_index("ix_receipts_member", "receipts", ["member_id", "paid_at"], unique=False)
    op.create_index("ix_receipts_paid", "receipts", ["paid_at"], unique=False)
    op.create_index(op.f("ix_receipts_recorded_at"), "receipts", ["recorded_at"], unique=False)
    op.create_index(
        "ix_receipts_suspense",
        "receipts",
        ["paid_at"],
        unique=False,
        postgresql_where=sa.text("member_id IS NULL"),
    )
    op.create_table(
        "contributions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("payer_index", sa.String(length=64), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("prompt_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("checkout_id", sa.String(length=100), nullable=True),
        sa.Column("merchant_id", sa.String(length=100), server_default="", nullable=False),
        sa.Column("result_code", sa.String(length=40), nullable=True),
        sa.Column("result_text", sa.String(length=300), server_default="", nullable=False),
        sa.Column("said_paid", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prompted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("channel IN ('ussd', 'sms', 'api')", name=op.f("ck_contributions_channel")),
        sa.CheckConstraint(
            "state IN ('requested', 'prompting', 'prompted', 'paid', 'failed', 'cancelled', 'expired', 'unknown')",
            name=op.f("ck_contributions_state"),
        ),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_contributions_amount")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_contributions_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.id"], name=op.f("fk_contributions_receipt_id_receipts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contributions")),
        sa.UniqueConstraint("checkout_id", name=op.f("uq_contributions_checkout_id")),
        sa.UniqueConstraint("key", name=op.f("uq_contributions_key")),
        sa.UniqueConstraint("receipt_id", name=op.f("uq_contributions_receipt_id")),
    )
    op.create_index("ix_contributions_member", "contributions", ["member_id", "requested_at"], unique=False)
    op.create_index("ix_contributions_payer", "contributions", ["payer_index", "requested_at"], unique=False)
    op.create_index(
        "ix_contributions_unfinished",
        "contributions",
        ["requested_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('requested', 'prompting', 'prompted', 'unknown')"),
    )
    op.create_index(
        "uq_contributions_open_phone",
        "contributions",
        ["payer_index"],
        unique=True,
        postgresql_where=sa.text("state IN ('requested', 'prompting', 'prompted')"),
    )
    op.create_table(
        "registry_postings",
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("reference_id", sa.Uuid(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("correlation_id", sa.String(length=100), server_default="", nullable=False),
        sa.Column("read_back_amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.String(length=300), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_registry_postings_member_id_members")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.id"], name=op.f("fk_registry_postings_receipt_id_receipts")
        ),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_registry_postings")),
        sa.UniqueConstraint("reference_id", name=op.f("uq_registry_postings_reference_id")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_registry_postings_transaction_id")),
    )
    op.create_index(op.f("ix_registry_postings_member_id"), "registry_postings", ["member_id"], unique=False)
    op.create_index(
        "ix_registry_postings_unfinished",
        "registry_postings",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'acknowledged'"),
    )
    op.create_table(
        "breaks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wallet", sa.String(length=20), nullable=False),
        sa.Column("shortcode", sa.String(length=20), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("break_class", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("other_amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("receipt_id", sa.Uuid(), nullable=True),
        sa.Column("contribution_id", sa.Uuid(), nullable=True),
        sa.Column("evidence_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.String(length=200), server_default="", nullable=False),
        sa.CheckConstraint(
            "break_class IN ('not_on_statement', 'not_in_ledger', 'amount_differs', 'not_posted', 'not_acknowledged', 'registry_amount_differs', 'suspense', 'mismatch', 'unknown_outcome', 'reversed_after_credit')",
            name=op.f("ck_breaks_break_class"),
        ),
        sa.CheckConstraint("state IN ('open', 'resolved')", name=op.f("ck_breaks_state")),
        sa.ForeignKeyConstraint(
            ["contribution_id"], ["contributions.id"], name=op.f("fk_breaks_contribution_id_contributions")
        ),
        sa.ForeignKeyConstraint(
            ["evidence_id"], ["evidence.id"], name=op.f("fk_breaks_evidence_id_evidence")
        ),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipts.id"], name=op.f("fk_breaks_receipt_id_receipts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breaks")),
        sa.UniqueConstraint(
            "wallet",
            "shortcode",
            "break_class",
            "subject",
            name=op.f("uq_breaks_wallet_shortcode_break_class_subject"),
        ),
    )
    op.create_index("ix_breaks_day", "breaks", ["day", "state"], unique=False)
    op.create_index(op.f("ix_breaks_receipt_id"), "breaks", ["receipt_id"], unique=False)
    op.create_table(
        "contribution_events",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("contribution_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["contribution_id"],
            ["contributions.id"],
            name=op.f("fk_contribution_events_contribution_id_contributions"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_contribution_events")),
    )
    op.create_index(
        "ix_contribution_events_way", "contribution_events", ["contribution_id", "number"], unique=False
    )
    op.create_table(
        "evidence_verdicts",
        sa.Column("evidence_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=True),
        sa.Column("contribution_id", sa.Uuid(), nullable=True),
        sa.Column("receipt", sa.String(length=40), server_default="", nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("payer_masked", sa.String(length=30), server_default="", nullable=False),
        sa.Column("detail", sa.String(length=300), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contribution_id"],
            ["contributions.id"],
            name=op.f("fk_evidence_verdicts_contribution_id_contributions"),
        ),
        sa.ForeignKeyConstraint(
            ["evidence_id"], ["evidence.id"], name=op.f("fk_evidence_verdicts_evidence_id_evidence")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.id"], name=op.f("fk_evidence_verdicts_receipt_id_receipts")
        ),
        sa.PrimaryKeyConstraint("evidence_id", name=op.f("pk_evidence_verdicts")),
    )
    op.create_index(
        "ix_evidence_verdicts_bad",
        "evidence_verdicts",
        ["at"],
        unique=False,
        postgresql_where=sa.text("verdict IN ('mismatch', 'unreadable', 'unknown_prompt')"),
    )
    op.create_index(
        "ix_evidence_verdicts_contribution",
        "evidence_verdicts",
        ["contribution_id"],
        unique=False,
        postgresql_where=sa.text("contribution_id IS NOT NULL"),
    )
    op.create_index(
        "ix_evidence_verdicts_receipt",
        "evidence_verdicts",
        ["receipt_id"],
        unique=False,
        postgresql_where=sa.text("receipt_id IS NOT NULL"),
    )
    op.execute(REFUSE_CHANGE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(REFUSE_UNBALANCED)
    op.execute(BALANCED_TRIGGER)


def downgrade() -> None:
    op.drop_index(
        "ix_evidence_verdicts_receipt",
        table_name="evidence_verdicts",
        postgresql_where=sa.text("receipt_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_evidence_verdicts_contribution",
        table_name="evidence_verdicts",
        postgresql_where=sa.text("contribution_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_evidence_verdicts_bad",
        table_name="evidence_verdicts",
        postgresql_where=sa.text("verdict IN ('mismatch', 'unreadable', 'unknown_prompt')"),
    )
    op.drop_table("evidence_verdicts")
    op.drop_index("ix_contribution_events_way", table_name="contribution_events")
    op.drop_table("contribution_events")
    op.drop_index(op.f("ix_breaks_receipt_id"), table_name="breaks")
    op.drop_index("ix_breaks_day", table_name="breaks")
    op.drop_table("breaks")
    op.drop_index(
        "ix_registry_postings_unfinished",
        table_name="registry_postings",
        postgresql_where=sa.text("state <> 'acknowledged'"),
    )
    op.drop_index(op.f("ix_registry_postings_member_id"), table_name="registry_postings")
    op.drop_table("registry_postings")
    op.drop_index(
        "uq_contributions_open_phone",
        table_name="contributions",
        postgresql_where=sa.text("state IN ('requested', 'prompting', 'prompted')"),
    )
    op.drop_index(
        "ix_contributions_unfinished",
        table_name="contributions",
        postgresql_where=sa.text("state IN ('requested', 'prompting', 'prompted', 'unknown')"),
    )
    op.drop_index("ix_contributions_payer", table_name="contributions")
    op.drop_index("ix_contributions_member", table_name="contributions")
    op.drop_table("contributions")
    op.drop_index(
        "ix_receipts_suspense", table_name="receipts", postgresql_where=sa.text("member_id IS NULL")
    )
    op.drop_index(op.f("ix_receipts_recorded_at"), table_name="receipts")
    op.drop_index("ix_receipts_paid", table_name="receipts")
    op.drop_index("ix_receipts_member", table_name="receipts")
    op.drop_index("ix_receipts_day", table_name="receipts")
    op.drop_table("receipts")
    op.drop_table("pins")
    op.drop_index(op.f("ix_phone_changes_state"), table_name="phone_changes")
    op.drop_index("ix_phone_changes_old_phone", table_name="phone_changes")
    op.drop_index("ix_phone_changes_new_phone", table_name="phone_changes")
    op.drop_index(op.f("ix_phone_changes_member_id"), table_name="phone_changes")
    op.drop_table("phone_changes")
    op.drop_index(op.f("ix_messages_state"), table_name="messages")
    op.drop_index(op.f("ix_messages_provider_id"), table_name="messages")
    op.drop_index("ix_messages_phone", table_name="messages")
    op.drop_index(op.f("ix_messages_member_id"), table_name="messages")
    op.drop_table("messages")
    op.drop_index(op.f("ix_ledger_postings_transfer_id"), table_name="ledger_postings")
    op.drop_index(op.f("ix_ledger_postings_account_id"), table_name="ledger_postings")
    op.drop_table("ledger_postings")
    op.drop_table("ledger_balances")
    op.drop_index("ix_identity_checks_phone", table_name="identity_checks")
    op.drop_index(op.f("ix_identity_checks_member_id"), table_name="identity_checks")
    op.drop_index("ix_identity_checks_identifier", table_name="identity_checks")
    op.drop_table("identity_checks")
    op.drop_index("ix_consents_member_purpose", table_name="consents")
    op.drop_table("consents")
    op.drop_index("ix_wallet_lines_receipt", table_name="wallet_lines")
    op.drop_index("ix_wallet_lines_at", table_name="wallet_lines")
    op.drop_table("wallet_lines")
    op.drop_index("ix_staff_sign_in_tries_last_at", table_name="staff_sign_in_tries")
    op.drop_table("staff_sign_in_tries")
    op.drop_table("staff")
    op.drop_index("ix_reconciliation_runs_day", table_name="reconciliation_runs")
    op.drop_table("reconciliation_runs")
    op.drop_index(op.f("ix_pull_runs_finished_at"), table_name="pull_runs")
    op.drop_index("ix_pull_runs_complete", table_name="pull_runs", postgresql_where=sa.text("complete"))
    op.drop_table("pull_runs")
    op.drop_index(
        "ix_outbox_order",
        table_name="outbox",
        postgresql_where=sa.text("state = 'pending' AND order_key <> ''"),
    )
    op.drop_index("ix_outbox_due", table_name="outbox", postgresql_where=sa.text("state = 'pending'"))
    op.drop_table("outbox")
    op.drop_index(op.f("ix_members_status"), table_name="members")
    op.drop_index(op.f("ix_members_name_birth_index"), table_name="members")
    op.drop_table("members")
    op.drop_index(op.f("ix_ledger_transfers_recorded_at"), table_name="ledger_transfers")
    op.drop_index(
        "ix_ledger_transfers_corrects",
        table_name="ledger_transfers",
        postgresql_where="corrects_id IS NOT NULL",
    )
    op.drop_table("ledger_transfers")
    op.drop_table("ledger_accounts")
    op.drop_index("ix_inbound_messages_sender", table_name="inbound_messages")
    op.drop_index(op.f("ix_inbound_messages_keyword"), table_name="inbound_messages")
    op.drop_table("inbound_messages")
    op.drop_index(op.f("ix_hop_results_at"), table_name="hop_results")
    op.drop_table("hop_results")
    op.drop_index(op.f("ix_evidence_received_at"), table_name="evidence")
    op.drop_table("evidence")
    op.drop_index(op.f("ix_delivery_reports_provider_id"), table_name="delivery_reports")
    op.drop_table("delivery_reports")
    op.drop_index(op.f("ix_audit_subject"), table_name="audit")
    op.drop_index(op.f("ix_audit_action"), table_name="audit")
    op.drop_table("audit")
    op.execute(sa.schema.DropSequence(sa.Sequence("member_number_seq")))
    op.execute("DROP FUNCTION refuse_change()")
    op.execute("DROP FUNCTION refuse_unbalanced()")
