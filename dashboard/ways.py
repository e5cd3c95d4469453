"""Why a payment came into a state, in whole sentences."""

from dashboard import catalogue
from payments.model import PaymentState
from payments.suspense.giving_back import StepMade
from payments.view import WayStep


def why_in_words(step: WayStep | StepMade) -> str:
    """The reason kept with a step, for people; empty where its state says it all."""
    if not step.why or step.state == PaymentState.RECEIVED:
        return ""
    if f"payment_why.{step.state}" in catalogue.catalogue():
        return catalogue.text(f"payment_why.{step.state}", why=step.why)
    return step.why
