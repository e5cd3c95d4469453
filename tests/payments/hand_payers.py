"""People who pay by hand, and what was decided of them before: shared by the tests of matching."""

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.receipts.tables import Receipt
from payments.suspense.model import Place
from payments.suspense.places import Standing, move
from tests.payments.world import World

STRANGER = PhoneNumber("+254733000111")


def pay(world: World, phone: PhoneNumber, account: str, **hidden: object) -> Receipt:
    world.confirm(world.wallet.pay_by_hand(phone, 5000, account, **hidden))
    world.work("evidence")
    return world.receipts()[-1]


def decided_by_staff(world: World, receipt: Receipt, member: MemberRow) -> None:
    to, now = Standing(Place.MEMBER, member.id), world.clock.now()
    with world.sessions.begin() as session:
        move(session, session.get_one(Receipt, receipt.id), to, key="staff", corrects=None, now=now)


def knows(world: World, phone: PhoneNumber, member: MemberRow) -> None:
    """The phone pays for the member, and says that the number is right."""
    receipt = pay(world, phone, member.number)
    world.say_yes(phone, receipt.receipt)
    assert world.receipts()[-1].member_id == member.id


def phone_of(member: MemberRow) -> PhoneNumber:
    return PhoneNumber(member.phone)
