"""The floor of a credit: a plain psycopg transaction per payment, the same rows and nothing else."""

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, LiteralString

import psycopg

from bench.callbacks import AMOUNT_CENTS, Waiting, plain
from bench.kibaba import SHORTCODE, vault
from core.ids import new_id

_STRIPES: Final = 8
_ACCOUNT: Final = "INSERT INTO ledger_accounts (kind, key, currency) VALUES (%s, %s, 'KES') RETURNING id"
_STATEMENTS: Final[tuple[LiteralString, ...]] = (
    """INSERT INTO receipts (id, wallet, shortcode, receipt, amount_cents, currency, member_id, source,
       match_step, match_why, payer_index, particulars, paid_at, recorded_at)
       VALUES (%(receipt_id)s, 'mpesa', %(shortcode)s, %(receipt)s, %(cents)s, 'KES', %(member)s,
       'stk_callback', 'prompt', 'answers our prompt', %(payer)s, %(particulars)s, %(now)s, %(now)s)""",
    """INSERT INTO ledger_transfers
       (id, business_key, reason, occurred_at, recorded_at, float_id, float_cents)
       VALUES (%(transfer)s, %(key)s, 'credit', %(now)s, %(now)s, %(float)s, %(cents)s)""",
    """INSERT INTO ledger_postings (transfer_id, account_id, amount_cents)
       VALUES (%(transfer)s, %(float)s, %(cents)s), (%(transfer)s, %(account)s, %(minus)s)""",
    """INSERT INTO ledger_balances AS kept (account_id, stripe, balance_cents)
       VALUES (%(float)s, %(stripe)s, %(cents)s), (%(account)s, 0, %(minus)s)
       ON CONFLICT (account_id, stripe)
       DO UPDATE SET balance_cents = kept.balance_cents + excluded.balance_cents""",
    """INSERT INTO outbox (id, topic, key, payload, due_at)
       VALUES (%(pull)s, 'pull', %(pull_key)s, %(pull_payload)s, %(now)s)
       ON CONFLICT (topic, key) DO NOTHING""",
    """INSERT INTO outbox (id, topic, key, payload, due_at)
       VALUES (%(message)s, 'message', %(message_key)s, %(message_payload)s, %(now)s)""",
    """UPDATE contributions SET receipt_id = %(receipt_id)s, state = 'paid', finished_at = %(now)s
       WHERE id = %(contribution)s""",
    """INSERT INTO contribution_events (contribution_id, state, at, why)
       VALUES (%(contribution)s, 'paid', %(now)s, 'paid: stk_callback')""",
    """INSERT INTO evidence_verdicts
       (evidence_id, verdict, receipt_id, contribution_id, receipt, amount_cents, payer_masked, at)
       VALUES (%(evidence)s, 'credited', %(receipt_id)s, %(contribution)s, %(receipt)s, %(cents)s,
       '+2547*****678', %(now)s)""",
    "UPDATE outbox SET state = 'done', finished_at = %(now)s, attempts = 1 WHERE id = %(task)s",
)


def prepared(waiting: Sequence[Waiting]) -> list[dict[str, Any]]:
    """Every value worked out before the clock starts."""
    now, sealer = datetime.now(UTC), vault()
    pull = json.dumps({"wallet": "mpesa", "shortcode": SHORTCODE})
    rows = []
    for one in waiting:
        receipt_id, key = new_id(), f"credit:mpesa:{SHORTCODE}:{one.receipt}"
        told = {"amount_cents": AMOUNT_CENTS, "balance_cents": AMOUNT_CENTS, "currency": "KES"}
        told |= {"receipt": one.receipt, "wallet": "mpesa", "as_of": now.isoformat()}
        message = {"template": "receipt", "member_id": str(one.member_id), "values": told}
        rows.append({
            "receipt_id": receipt_id, "shortcode": SHORTCODE, "receipt": one.receipt, "cents": AMOUNT_CENTS,
            "minus": -AMOUNT_CENTS, "member": one.member_id, "payer": one.payer_index, "now": now,
            "particulars": sealer.seal("receipts.particulars", json.dumps({"payer": "+254700000000"})),
            "transfer": new_id(), "key": key, "stripe": zlib.crc32(key.encode()) % _STRIPES,
            "pull": new_id(), "pull_key": f"mpesa:{SHORTCODE}:3:1", "pull_payload": pull,
            "message": new_id(), "message_key": f"receipt:{receipt_id}",
            "message_payload": json.dumps(message), "contribution": one.contribution_id,
            "evidence": one.evidence_id, "task": one.task_id,
        })  # fmt: skip
    return rows


def write(database_url: str, rows: Sequence[dict[str, Any]]) -> None:
    """One transaction for each payment, every statement prepared."""
    with psycopg.connect(plain(database_url), autocommit=True, prepare_threshold=0) as connection:
        made = connection.execute(_ACCOUNT, ("wallet_float", f"mpesa:{SHORTCODE}")).fetchone()
        assert made is not None
        for row in rows:
            with connection.transaction(), connection.cursor() as cursor:
                account = cursor.execute(_ACCOUNT, ("member", str(row["member"]))).fetchone()
                assert account is not None
                values = {**row, "float": made[0], "account": account[0]}
                for statement in _STATEMENTS:
                    cursor.execute(statement, values)
