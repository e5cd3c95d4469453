"""Why a payment came into a state, and why it is whose it is, in whole sentences."""

from dashboard.catalogue import catalogue, text, word
from payments.model import PaymentState
from payments.suspense.giving_back import StepMade
from payments.view import WayStep

_SAY_WHO = (PaymentState.RECEIVED, PaymentState.CONFIRMED)


def why_in_words(step: WayStep | StepMade) -> str:
    """The reason kept with a step, for people; empty where its state says it all."""
    if not step.why or step.state in _SAY_WHO:
        return ""
    if f"payment_why.{step.state}" in catalogue():
        return text(f"payment_why.{step.state}", why=step.why)
    if f"way_why.{step.why}" in catalogue():
        return word("way_why", step.why)
    told_by, _, what = step.why.partition(": ")
    if what and f"source.{told_by}" in catalogue():
        return text("payment_why.told_by", source=word("source", told_by), what=sentence(what))
    return sentence(step.why)


def step_in_words(step: WayStep | StepMade, *, disputed: bool) -> str:
    """What a step means. Of money that came, and of what confirms it, also who says so: `why` names them."""
    name = "disputed" if disputed and step.state == PaymentState.CONFIRMED else str(step.state)
    said_by = step.why.partition(": ")[0] if step.state in _SAY_WHO else ""
    by_source = f"payment_step_by.{name}.{said_by}"
    return text(by_source if by_source in catalogue() else f"payment_step.{name}")


def match_in_words(why: str) -> str:
    """Why money is whose it is, or nobody's."""
    return sentence(word("match_why", why))


def sentence(words: str) -> str:
    """With a large first letter and a full stop."""
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
