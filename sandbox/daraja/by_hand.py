"""Payments people make from the M-Pesa menu, without any prompt: paybill, shortcode, account, amount."""

from typing import Any

from sandbox.daraja import confirmations, wallet
from sandbox.daraja.wallet import Payment
from sandbox.world import World

CONFIRMATION_SECONDS = 0.2


class RefusedError(Exception):
    """The payment did not happen; `code` is M-Pesa's."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def install(world: World) -> None:
    def simulated(due: dict[str, Any]) -> None:
        try:
            pay(world, msisdn=due["msisdn"], amount_cents=due["amount_cents"], account=due["account"])
        except RefusedError as refused:
            wallet.tell(world, due["msisdn"], f"Failed. {refused}")

    world.agenda.handle("pay_by_hand", simulated)


def pay(world: World, *, msisdn: str, amount_cents: int, account: str) -> Payment:
    """Validation, money, confirmation, in that order. RefusedError when the gateway or the wallet says no."""
    now = world.clock.now()
    shortcode = world.settings.shortcode
    draft = Payment(
        receipt=wallet.new_receipt(world),
        kind=wallet.PAYMENT,
        shortcode=shortcode,
        msisdn=msisdn,
        name=wallet.owner(world, msisdn),
        account=account,
        amount_cents=amount_cents,
        balance_cents=0,
        started_at=now,
        completed_at=now,
    )
    rejection, third_party_id = confirmations.validate(world, draft)
    if rejection:
        raise RefusedError(rejection, f"The payment was not accepted: {confirmations.REJECTIONS[rejection]}.")
    with world.store.transaction():
        try:
            payment = wallet.pay(
                world,
                msisdn=msisdn,
                amount_cents=amount_cents,
                account=account,
                shortcode=shortcode,
                started_at=now,
                receipt=draft.receipt,
            )
        except wallet.Declined as declined:
            raise RefusedError(str(declined.result.code), declined.result.text) from declined
        confirmations.confirm(world, payment, in_seconds=CONFIRMATION_SECONDS, third_party_id=third_party_id)
        wallet.tell_payer(world, payment)
    return payment
