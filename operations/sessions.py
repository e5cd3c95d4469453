"""Which processes belong to a session, as the kernel tells."""

from pathlib import Path


def members_of_session(session: int) -> list[int]:
    """Living processes of `session`, without its leader: what a part has forked and not waited for."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == session:
            continue
        try:
            # The name of the program is in brackets and may hold anything; the fields after it may not.
            state, _parent, _group, of_session = (
                (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:4]
            )
        except (OSError, ValueError):
            continue
        if int(of_session) == session and state != "Z":
            members.append(int(entry.name))
    return members
