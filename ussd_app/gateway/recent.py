"""The records this process stored last: mostly an answer comes to the process that showed the screen."""

from collections import OrderedDict
from typing import Final

from ussd_app.gateway.session_store import Record

# At fifty answers a second, those of ten seconds: as long as most people take. Each is some 3 kB.
_RECORDS_MAX: Final = 512


class RecentRecords:
    """Guesses at what the session store holds. Each is to be trusted only once the store says it is so.

    Safe to use from many threads: each operation is one step of the dictionary's own.
    """

    def __init__(self, records_max: int = _RECORDS_MAX) -> None:
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._records_max = records_max

    def keep(self, key: str, record: Record) -> None:
        """`record` was stored a moment ago."""
        self._records[key] = record
        if len(self._records) > self._records_max:
            self._records.popitem(last=False)

    def take(self, key: str) -> Record | None:
        """What was kept for a session, once."""
        return self._records.pop(key, None)
