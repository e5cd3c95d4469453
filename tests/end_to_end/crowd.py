"""Members who pay by prompt and by hand, whatever is broken at the moment."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random

import requests

from tests.end_to_end.phones import Phone, new_member
from tests.end_to_end.stack import Stack
from tests.end_to_end.waiting import wait_for

HANDS = 6
# So that nobody stops paying because the money is gone.
RICH_SHILLINGS = 300_000
# Joining is not what is proven here, and the machine may be busy.
JOIN_SECONDS_MAX = 600.0
# An account that names nobody; what is paid to it waits in suspense.
NOBODY = "PENSION"
_NOBODY_SHARE = 0.05
_BY_HAND_SHARE = 0.4


class Crowd:
    """So many members of one stack. Their acts may fail: then the phone said so, and nobody paid."""

    def __init__(self, stack: Stack, members: int) -> None:
        self.stack = stack
        with ThreadPoolExecutor(HANDS) as hands:
            self._members = list(hands.map(lambda _: self._join_somehow(), range(members)))
        self._turn = itertools.count()
        # One person uses a phone at a time.
        self._held = [threading.Lock() for _ in self._members]

    def _join_somehow(self) -> tuple[Phone, str]:
        """Somebody joins; on a machine too busy to answer in time, somebody else does."""

        def try_once() -> tuple[Phone, str] | None:
            try:
                phone, number = new_member(self.stack)
                self.stack.sandbox("PUT", f"/phones/{phone.number}/wallet", {"balance": RICH_SHILLINGS})
            except (AssertionError, requests.RequestException):
                return None
            return phone, number

        return wait_for(try_once, "somebody to join", seconds=JOIN_SECONDS_MAX, otherwise=self.stack.explain)

    def save(self) -> bool:
        """Whoever's turn it is asks for a prompt; False when the phone would not, for whatever reason."""
        number = next(self._turn)
        place = number % len(self._members)
        phone, _ = self._members[place]
        with self._held[place]:
            try:
                phone.save(20 + number % 180)
            except (AssertionError, requests.RequestException):
                return False
        return True

    def pay_by_hand(self, account: str = "") -> bool:
        """The next pays the paybill for their own number; a stranger, if another account is given."""
        number = next(self._turn)
        phone, member_number = self._members[number % len(self._members)]
        # Money without a name from a member's own phone would be theirs.
        payer = f"+2547102{number:05d}" if account else phone.number
        body = {"phone": payer, "amount": 20 + number % 180, "account": account or member_number}
        try:
            self.stack.sandbox("POST", "/c2b", body)
        except requests.RequestException:
            return False
        return True

    def act(self, random: Random) -> bool:
        """One payment or another."""
        if random.random() >= _BY_HAND_SHARE:
            return self.save()
        return self.pay_by_hand(NOBODY if random.random() < _NOBODY_SHARE else "")
