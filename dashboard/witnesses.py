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
    # A file goes through hands: what the wallet's own list says stands beside it, and may deny it.
    ("wallet", (EvidenceChannel.PULL.value,)),
    ("file", (EvidenceChannel.STATEMENT.value,)),
    ("ledger", ("receipt", "ledger")),
    ("registry", ("registry",)),
)
# Which words explain what a source says.
WORDS = {
    "intent": "payment_state",
    "messages": "verdict",
    "wallet": "line_kind",
    "file": "line_kind",
    "ledger": "tied",
    "registry": "payment_state",
}
# What the time of a source is: when the member asked, when we heard of it, or when we wrote it down.
_TIMES = {
    "intent": "asked",
    "messages": "heard",
    "wallet": "heard",
    "file": "heard",
    "ledger": "written",
    "registry": "told",
}


@dataclass(frozen=True, slots=True)
class Side:
    """Everything one side says, oldest first; nothing at all is an answer too. `time`: what its times are."""

    name: str
    words: str
    time: str
    proofs: Sequence[Proof]


def side_by_side(proofs: Sequence[Proof]) -> list[Side]:
    """The six sides in the order in which money passes them."""
    return [
        Side(name, WORDS[name], _TIMES[name], [proof for proof in proofs if proof.source in sources])
        for name, sources in _SIDES
    ]
