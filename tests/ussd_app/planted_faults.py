"""Faults planted in the host or in what it stands on: a walk that does not find them proves nothing."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

import pytest

from operations.walks.stand_ins import MemoryResults, MemoryStore
from ussd_app.gateway.hop import Hop, Reply
from ussd_app.gateway.host import Host
from ussd_app.gateway.progress import Progress
from ussd_app.gateway.session_store import Record
from ussd_app.gateway.turns import Turns


def effects_again(patch: pytest.MonkeyPatch) -> None:
    def once(self: MemoryResults, _s: object, _k: str, _n: datetime, act: Callable[[], Any]) -> Any:
        return act()

    patch.setattr(MemoryResults, "once", once)


def dial_strings_count(patch: pytest.MonkeyPatch) -> None:
    def remembered(self: MemoryResults, _s: object, keys: Collection[str]) -> dict[str, Any]:
        return {key: {} for key in keys}

    patch.setattr(MemoryResults, "remembered", remembered)


def no_compare_and_set(patch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Record] = {}
    patch.setattr("operations.walks.stand_ins.MemoryStore.load", lambda _self, key: kept.get(key))


def longer_pages(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("operations.walks.walker.septets", lambda text: len(text) + 100)


def dials_are_believed(patch: pytest.MonkeyPatch) -> None:
    def begin(self: MemoryStore, key: str, phone_index: str, record: Record) -> bool:
        return self.commit(key, phone_index, record, after=self.load(key), keep_earlier=True) is record

    patch.setattr(MemoryStore, "begin", begin)


def walked_again(patch: pytest.MonkeyPatch) -> None:
    said = Host._not_stored

    def walk(self: Host, hop: Hop, key: str, progress: Progress, why: str) -> Reply:
        if progress.is_rebuilt or not hop.text or hop.input == "latest":
            return said(self, hop, key, progress, why)
        return self._answered(hop, key)

    patch.setattr(Host, "_not_stored", walk)


def screens_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turns, "shown", lambda *_named: {})


def one_epoch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("ussd_app.gateway.host.secrets.token_hex", lambda _bytes: "same")


def guesses_trusted(patch: pytest.MonkeyPatch) -> None:
    commit = MemoryStore.commit

    def trusting(self: MemoryStore, *named: Any, after: Record | None, keep_earlier: bool) -> Record | None:
        return commit(self, *named, after=self.load(named[0]), keep_earlier=keep_earlier)

    patch.setattr(MemoryStore, "commit", trusting)


FAULTS: Final[dict[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "effects done again": effects_again,
    "what was stored last is taken for what is stored": guesses_trusted,
    "answers in doubt count": dial_strings_count,
    "nothing is loaded": no_compare_and_set,
    "pages over the limit": longer_pages,
    "session ids that come back": one_epoch,
    "dials are believed": dials_are_believed,
    "what was not heard to be stored is walked again": walked_again,
    "what was shown without the store is forgotten": screens_forgotten,
}
