"""The pages in the side bar, for the role of who is looking."""

from dataclasses import dataclass

from flask import current_app, request, url_for

from dashboard.access import access_of, may

_GROUPS = (
    ("money", ("today", "exceptions", "suspense", "checks", "payments", "imports", "closings", "reports")),
    ("people", ("members", "reviews", "duplicates", "notices", "inbox")),
    ("house", ("funnels", "queues", "audit", "people_at_the_fund")),
)
# Pages that have no link of their own, and under which one they are found.
_WITHIN = {"splitting": "suspense"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One link: the key of its word, its address, and whether the page shown is of this part."""

    key: str
    address: str
    is_current: bool


def entries() -> list[tuple[str, list[Entry]]]:
    """Groups of links this person may follow; empty groups are left out."""
    part = [_WITHIN.get(name, name) for name in (request.endpoint or "").split(".")[1:2]]
    groups = []
    for group, names in _GROUPS:
        links = [
            Entry(name, url_for(f"dashboard.{name}.index"), part == [name])
            for name in names
            if _may_open(f"dashboard.{name}.index")
        ]
        if links:
            groups.append((group, links))
    return groups


def _may_open(endpoint: str) -> bool:
    access = access_of(current_app.view_functions[endpoint])
    return access is not None and (access.roles is None or may(access.roles))
