"""The front desk for raw messages: kept with the task to understand them by one committed statement."""

import json
from datetime import datetime
from typing import Final, LiteralString

from core.direct import Direct
from core.ids import new_id
from core.vault import Vault
from payments.evidence.service import REFERENCE_CHARACTERS_MAX
from payments.evidence.tables import BODY_PLACE
from payments.model import EvidenceChannel

# The same row twice is the same message: the statement is repeated when its connection was lost.
_KEEP: Final[LiteralString] = """
WITH kept AS (
  INSERT INTO evidence (id, channel, wallet, shortcode, reference, body, received_at)
  VALUES (%(id)s, %(channel)s, %(wallet)s, %(shortcode)s, %(reference)s, %(body)s, %(now)s)
  ON CONFLICT (id) DO NOTHING
)
INSERT INTO outbox (id, topic, key, payload, created_at, due_at)
VALUES (%(task_id)s, 'evidence', %(key)s, %(payload)s::jsonb, %(now)s, %(now)s)
ON CONFLICT (topic, key) DO NOTHING
"""


class EvidenceDesk:
    """Does what `service.store` does, without a session around it."""

    def __init__(self, direct: Direct, vault: Vault) -> None:
        self._direct = direct
        self._vault = vault

    def keep(
        self,
        channel: EvidenceChannel,
        wallet: str,
        body: str,
        *,
        now: datetime,
        reference: str = "",
        shortcode: str = "",
    ) -> None:
        """The message is on disk when this returns. Raises psycopg.Error."""
        evidence_id = new_id()
        key = str(evidence_id)
        self._direct.run(
            _KEEP,
            {
                "id": evidence_id,
                "channel": channel.value,
                "wallet": wallet,
                "shortcode": shortcode,
                "reference": reference[:REFERENCE_CHARACTERS_MAX],
                "body": self._vault.seal(BODY_PLACE, body),
                "now": now,
                "task_id": new_id(),
                "key": key,
                "payload": json.dumps({"evidence_id": key}),
            },
        )
