"""The DCI server: who may call us, what they sent, who is told of what, and what we asked of others."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dci_clients",
        sa.Column("id", sa.String(length=99), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("signatures", sa.String(length=10), nullable=False),
        sa.Column("keys", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("keys_url", sa.String(length=500), server_default="", nullable=False),
        sa.Column("callback_base", sa.String(length=500), server_default="", nullable=False),
        sa.Column("speaks_for", sa.String(length=30), server_default="", nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dci_clients")),
    )
    op.create_table(
        "dci_questions",
        sa.Column("transaction_id", sa.String(length=99), nullable=False),
        sa.Column("connection", sa.String(length=30), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=99), nullable=False),
        sa.Column("reference_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("correlation_id", sa.String(length=200), server_default="", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("transaction_id", name=op.f("pk_dci_questions")),
    )
    op.create_table(
        "dci_watches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection", sa.String(length=30), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=99), nullable=False),
        sa.Column("code", sa.String(length=200), server_default="", nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=200), server_default="", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dci_watches")),
        sa.UniqueConstraint(
            "connection", "event", "subject", name=op.f("uq_dci_watches_connection_event_subject")
        ),
    )
    op.create_index(op.f("ix_dci_watches_code"), "dci_watches", ["code"], unique=False)
    op.create_index(op.f("ix_dci_watches_subject"), "dci_watches", ["subject"], unique=False)
    op.create_table(
        "dci_heard",
        sa.Column("client_id", sa.String(length=99), nullable=False),
        sa.Column("transaction_id", sa.String(length=99), nullable=False),
        sa.Column("reference_id", sa.String(length=99), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["dci_clients.id"], name=op.f("fk_dci_heard_client_id_dci_clients")
        ),
        sa.PrimaryKeyConstraint("client_id", "transaction_id", "reference_id", name=op.f("pk_dci_heard")),
    )
    op.create_table(
        "dci_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.String(length=99), nullable=False),
        sa.Column("message_id", sa.String(length=99), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("transaction_id", sa.String(length=99), nullable=False),
        sa.Column("state", sa.String(length=4), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("callback_url", sa.String(length=500), server_default="", nullable=False),
        sa.Column("results", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["dci_clients.id"], name=op.f("fk_dci_messages_client_id_dci_clients")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dci_messages")),
        sa.UniqueConstraint("client_id", "message_id", name=op.f("uq_dci_messages_client_id_message_id")),
    )
    op.create_index("ix_dci_messages_received", "dci_messages", ["received_at"], unique=False)
    op.create_index(
        "ix_dci_messages_transaction", "dci_messages", ["client_id", "transaction_id"], unique=False
    )
    op.create_table(
        "dci_subscriptions",
        sa.Column("code", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.String(length=99), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=64), server_default="", nullable=False),
        sa.Column("callback_url", sa.String(length=500), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["dci_clients.id"], name=op.f("fk_dci_subscriptions_client_id_dci_clients")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_dci_subscriptions")),
    )
    op.create_index(
        "ix_dci_subscriptions_event",
        "dci_subscriptions",
        ["event", "subject"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_dci_subscriptions_live",
        "dci_subscriptions",
        ["client_id", "event", "subject"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_dci_subscriptions_live",
        table_name="dci_subscriptions",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(
        "ix_dci_subscriptions_event",
        table_name="dci_subscriptions",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_table("dci_subscriptions")
    op.drop_index("ix_dci_messages_transaction", table_name="dci_messages")
    op.drop_index("ix_dci_messages_received", table_name="dci_messages")
    op.drop_table("dci_messages")
    op.drop_table("dci_heard")
    op.drop_index(op.f("ix_dci_watches_subject"), table_name="dci_watches")
    op.drop_index(op.f("ix_dci_watches_code"), table_name="dci_watches")
    op.drop_table("dci_watches")
    op.drop_table("dci_questions")
    op.drop_table("dci_clients")
