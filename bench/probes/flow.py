"""What a flow looks like from outside: how to reach its screens and how to recognise them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """Home, amount, confirm, done; patterns are searched in what a caller reads.

    `to_amount`: answers from home to the screen where an amount is typed. `shown`: how an amount reads on the
    confirmation. `link`: what is dialled to save `linked` shillings at once. `join`: pattern and answer, for
    phones that must join first. `to_list`: the way to a list of amounts that depends on the caller.
    `pin_screen`: the way to a screen that asks for the PIN. `keys`: the pattern of what sessions write to
    Redis, but for `no_session`.
    """

    name: str
    to_amount: tuple[str, ...]
    home: str
    amount: str
    confirm: str
    done: str
    resume: str
    shown: str = "KES {}"
    link: str = "1*200"
    linked: int = 200
    yes: str = "1"
    go_on: str = "1"
    start_again: str = "2"
    to_list: tuple[str, ...] = ()
    join: tuple[tuple[str, str], ...] = ()
    pin: str = ""
    pin_screen: tuple[str, ...] = ()
    keys: str = "*"
    no_session: frozenset[str] = frozenset()

    def is_home(self, screen: str) -> bool:
        return _found(self.home, screen)

    def is_amount(self, screen: str) -> bool:
        return _found(self.amount, screen)

    def is_confirmation(self, screen: str, shillings: int) -> bool:
        amount = re.escape(self.shown.format(f"{shillings:,}"))
        return _found(self.confirm, screen) and _found(f"{amount}(?![0-9,])", screen)

    def is_done(self, screen: str) -> bool:
        return _found(self.done, screen)

    def is_resume(self, screen: str) -> bool:
        return _found(self.resume, screen)


def _found(pattern: str, screen: str) -> bool:
    return re.search(pattern, screen, re.IGNORECASE) is not None


SAMPLE = Flow(
    name="sample",
    to_amount=("1",),
    home=r"contribute\n",
    amount=r"enter the amount",
    confirm=r"contribute kes [0-9,]+\?",
    done=r"thank you",
    resume=r"continue|where you left|start again",
)
# `{id}` is filled with a national ID of its own for each phone.
KIBABA = Flow(
    name="kibaba",
    to_amount=("1", "4"),
    home=r"little by little|haba na haba",
    amount=r"type the amount, from",
    confirm=r"save kes [0-9,]+ from",
    done=r"m-pesa prompt",
    resume=r"continue\b.*\n.*start again",
    join=(
        (r"choose language", "2"),
        (r"may we keep your data", "1"),
        (r"type your national id", "{id}"),
        (r"remind you of it by sms", "1"),
        (r"looking for this number", "1"),
        (r"^are you", "1"),
        (r"choose a pin|same pin", "4926"),
    ),
    link="200",
    to_list=("1",),
    pin="4926",
    pin_screen=("2",),
    keys="ussd:*",
    # Since when the store has known everything: it must not expire.
    no_session=frozenset({"ussd:since"}),
)
FLOWS = {flow.name: flow for flow in (SAMPLE, KIBABA)}
