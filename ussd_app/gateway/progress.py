"""How far one post has walked its session, and the record that is kept of it."""

from menus import Event, Session, value
from ussd_app.gateway.hop import Reply
from ussd_app.gateway.session_store import Record
from ussd_app.gateway.turns import NOTHING_KNOWN, Known, Worked

# The screen that was answered, "" for an opening, and what happened then.
Walked = tuple[str, tuple[Event, ...]]


@value
class Progress:
    """A session as far as it has been walked, and what this post did on the way."""

    session: Session
    reply: Reply
    answers: int
    epoch: str = ""
    contribution_id: str = ""
    walked: tuple[Walked, ...] = ()
    is_rebuilt: bool = False
    known: Known = NOTHING_KNOWN

    @staticmethod
    def opened(worked: Worked, *, epoch: str = "") -> "Progress":
        """As the first screen leaves it."""
        done = worked.step
        return Progress(
            done.session,
            Reply(done.text, done.ends),
            answers=0,
            epoch=epoch,
            walked=(("", done.events),),
            known=worked.known,
        )

    @staticmethod
    def of(record: Record, session: Session) -> "Progress":
        """As it stood after its last hop; `session` is the record's, or carried over to other menus."""
        return Progress(
            session,
            Reply(record.reply, record.ends),
            record.answers,
            record.epoch,
            record.contribution_id,
            known=record.known,
        )

    def after(self, worked: Worked, *, answers: int) -> "Progress":
        """One answer further."""
        done = worked.step
        return Progress(
            done.session,
            Reply(done.text, done.ends),
            answers,
            self.epoch,
            worked.contribution_id or self.contribution_id,
            (*self.walked, (self.session.screen, done.events)),
            self.is_rebuilt,
            worked.known,
        )

    def record(self, before: Record | None, *, seen_length: int, seen_hash: str, at: int) -> Record:
        """What is kept of it (fields as in `Record`); `before` is the record that it went on from."""
        return Record(
            turn=before.turn + 1 if before else 1,
            seen_length=seen_length,
            seen_hash=seen_hash,
            answers=self.answers,
            session=self.session,
            reply=self.reply.text,
            ends=self.reply.ends,
            at=at,
            epoch=self.epoch,
            contribution_id=self.contribution_id,
            rebuilt=self.is_rebuilt,
            known=self.known,
        )
