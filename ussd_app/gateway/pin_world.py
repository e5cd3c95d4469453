"""What the menus want to know and do about the caller's own PIN: whether there is one, and another one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from members.model import Member
from members.new_pin import Chosen, NewPins, PinStanding
from menus import Session
from ussd_app.gateway.once import once, remembered
from ussd_app.gateway.turns import Visit

Caller = Callable[[Visit], Member]


@dataclass(frozen=True, slots=True)
class PinWorld:
    """Facts and effects of PINs that are replaced, for `RoomsWorld` to offer. A call is a session of the
    gateway: what it has shown counts for no other, also for one that continues it.
    """

    caller: Caller
    new_pins: NewPins

    @property
    def facts(self) -> dict[str, Callable[[Visit, Session], Any]]:
        return {"own_pin": self.own_pin}

    @property
    def effects(self) -> dict[str, Callable[[dict[str, str], Visit], dict[str, Any]]]:
        return {
            "show_paper": self.show_paper,
            "choose_new_pin": self.choose_new_pin,
            "change_pin": self.change_pin,
        }

    def own_pin(self, visit: Visit, _draft: Session) -> dict[str, Any]:
        """Whoever had no PIN is found without one when this answer is walked again: the way from here on was
        that of choosing one, and there may be one by now. Whose PIN is locked is told so only by the newest
        answer: those before it led on to the PIN, which may since have been locked by what followed.
        """
        key = visit.name_of("own_pin")
        if before := remembered(visit.database, [key]):
            return dict(before[key])
        member_id = self.caller(visit).id
        found: dict[str, Any] = {"state": self.new_pins.standing(visit.database, member_id).value}
        if visit.in_doubt:
            return found
        if minutes := self.new_pins.locked_minutes(visit.database, member_id):
            found = {"state": "locked", "minutes": minutes}
        if found["state"] != PinStanding.SET:
            once(visit.database, key, visit.now, lambda: found)
        return found

    def show_paper(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        shown = self.new_pins.show(visit.database, self.caller(visit), args["number"], call=visit.session_key)
        return {"state": shown.value}

    def choose_new_pin(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        chosen = self.new_pins.choose(visit.database, self.caller(visit), args["pin"], call=visit.session_key)
        return {"state": chosen.value}

    def change_pin(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        chosen = self.new_pins.change(visit.database, self.caller(visit), args["pin"], call=visit.session_key)
        return {"state": "done" if chosen is Chosen.DONE else "refused"}
