"""Evidence about one payment, arranged by who says it, so that staff read across."""

from collections.abc import Sequence
from dataclasses import dataclass

from payments.model import EvidenceChannel
from payments.reconciliation.proof import Proof

_SIDES = (
    ("intent", ("intent",)),
    (
        "messages",
        (
            EvidenceChannel.STK_CALLBACK.value,
            EvidenceChannel.STK_QUERY.value,
            EvidenceChannel.C2B_VALIDATION.value,
            EvidenceChannel.C2B_CONFIRMATION.value,
        ),
    ),
    ("wallet", (EvidenceChannel.PULL.value, EvidenceChannel.STATEMENT.value)),
    ("ledger", ("receipt", "ledger")),
    ("registry", ("registry",)),
)
# Which words explain what a source says.
WORDS = {
    "intent": "payment_state",
    "messages": "verdict",
    "wallet": "line_kind",
    "ledger": "tied",
    "registry": "payment_state",
}


@dataclass(frozen=True, slots=True)
class Side:
    """Everything one side says, oldest first; nothing at all is an answer too."""

    name: str
    words: str
    proofs: Sequence[Proof]


def side_by_side(proofs: Sequence[Proof]) -> list[Side]:
    """The five sides in the order in which money passes them."""
    return [
        Side(name, WORDS[name], [proof for proof in proofs if proof.source in sources])
        for name, sources in _SIDES
    ]
