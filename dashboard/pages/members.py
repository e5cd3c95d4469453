"""Members: found by what they say of themselves, shown masked; seeing in full is an act with a reason."""

import uuid
from datetime import date

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from core import audit
from core.errors import InvalidValue
from core.reasons import REASON_CHARACTERS_MAX, REASON_CHARACTERS_MIN, is_reason
from dashboard import membership
from dashboard.access import READERS, WORKERS, allow
from dashboard.catalogue import text
from dashboard.login import me
from dashboard.reading import was_seen
from dashboard.reasons import typed_reason
from dashboard.receipts import given_back_among
from dashboard.revealing import reason_to_reveal, was_revealed
from dashboard.services import services
from payments.ledger.service import savings
from payments.view import statement_of
from payments.wishes import wishes_among

routes = Blueprint("members", __name__, url_prefix="/members")

_PAYMENTS_MAX = 50
_TYPED_MAX = 40


@routes.get("/")
@allow(READERS)
def index() -> str:
    """The search, and the changes of phone that wait for staff."""
    return _search()


@routes.post("/")
@allow(READERS)
def search() -> str | Response:
    """Search. It is posted so that no ID or phone number is left in an address or a log of addresses."""
    parts = services()
    with parts.sessions.begin() as database:
        try:
            kind, member = membership.find(
                database, parts.members, request.form.get("query", "")[:_TYPED_MAX], parts.region
            )
        except InvalidValue:
            return _search(nothing="unreadable")
        audit.record(
            database,
            at=parts.clock.now(),
            actor=me().actor,
            action="member.searched",
            subject=member.id if member else "nobody",
            details={"by": kind},
        )
    if member is None:
        return _search(nothing="none")
    return redirect(url_for(".show", member_id=member.id))


@routes.get("/<uuid:member_id>")
@allow(READERS)
def show(member_id: uuid.UUID) -> str:
    """One member, masked. That the page was opened is in the audit trail."""
    with services().sessions.begin() as database:
        return _member(database, member_id)


@routes.get("/<uuid:member_id>/unmask")
@allow(READERS)
def masked(member_id: uuid.UUID) -> Response:
    """The address of what was shown in full, opened again: the page, masked."""
    return redirect(url_for(".show", member_id=member_id))


@routes.post("/<uuid:member_id>/unmask")
@allow(READERS)
def unmask(member_id: uuid.UUID) -> str | Response:
    """The same page with phone and ID in full, this once; the reason is kept first."""
    reason = reason_to_reveal()
    if reason is None:
        return redirect(url_for(".show", member_id=member_id))
    with services().sessions.begin() as database:
        return _member(database, member_id, reason=reason)


@routes.post("/<uuid:member_id>/pin")
@allow(WORKERS)
def pin(member_id: uuid.UUID) -> Response:
    """Let the member choose a new PIN, or take that back. Nobody types or sees a PIN here."""
    reason, answer = _reason(), request.form.get("answer")
    if answer not in {"allow", "withdraw"}:
        abort(400)
    if reason is None:
        flash(text("change.short", count=REASON_CHARACTERS_MIN))
        return redirect(url_for(".show", member_id=member_id))
    parts = services()
    act = parts.members.new_pins.allow if answer == "allow" else parts.members.new_pins.withdraw
    try:
        with parts.sessions.begin() as database:
            act(database, member_id, staff=me().actor, reason=reason)
    except InvalidValue:
        flash(text("member.pin.over"))
    else:
        flash(text("member.pin.allowed" if answer == "allow" else "member.pin.withdrawn"))
    return redirect(url_for(".show", member_id=member_id))


@routes.get("/changes/<uuid:change_id>")
@allow(READERS)
def change(change_id: uuid.UUID) -> str:
    """One change of phone, with both numbers masked and the doubt in words."""
    with services().sessions.begin() as database:
        found = membership.change(database, change_id)
        if found is None:
            abort(404)
        was_seen(database, "phone_change.opened", change_id)
    return render_template("dashboard/change.html", change=found)


@routes.post("/changes/<uuid:change_id>")
@allow(WORKERS)
def decide(change_id: uuid.UUID) -> Response:
    """Accept or refuse. A second decision finds it closed and changes nothing."""
    reason, answer = _reason(), request.form.get("answer")
    if answer not in {"accept", "refuse"}:
        abort(400)
    if reason is None:
        flash(text("change.short", count=REASON_CHARACTERS_MIN))
        return redirect(url_for(".change", change_id=change_id))
    parts = services()
    is_accepted = answer == "accept"
    try:
        with parts.sessions.begin() as database:
            parts.members.decide_phone_change(
                database, change_id, staff=me().actor, accept=is_accepted, reason=reason
            )
    except InvalidValue:
        flash(text("change.over"))
        return redirect(url_for(".change", change_id=change_id))
    flash(text("change.accepted" if is_accepted else "change.refused"))
    return redirect(url_for(".index"))


def _search(nothing: str | None = None) -> str:
    with services().sessions.begin() as database:
        changes = membership.changes_for_staff(database)
        was_seen(database, "phone_changes.listed", "phone_changes", rows=len(changes))
    return render_template("dashboard/members.html", changes=changes, nothing=nothing)


def _member(database: Session, member_id: uuid.UUID, *, reason: str | None = None) -> str:
    """The page; in full for who gave a reason."""
    parts = services()
    member = parts.members.by_id(database, member_id)
    if member is None:
        abort(404)
    if reason is None:
        was_seen(database, "member.opened", member.id)
    else:
        was_revealed(database, "member.unmasked", member.id, reason)
    payments = statement_of(database, member.id, _PAYMENTS_MAX)
    wishes = wishes_among(database, member.id, payments)
    return render_template(
        "dashboard/member.html",
        member=member,
        stayed=parts.members.by_id(database, member.merged_into) if member.merged_into else None,
        identifier=membership.masked_identifier(database, member.id),
        in_full=None if reason is None else membership.in_full(database, member.id),
        saved=savings(database, member.id, parts.currency),
        payments=payments,
        wishes=wishes,
        months={
            name: date.fromisoformat(f"{wish.period}-01") for name, wish in wishes.items() if wish.period
        },
        given_back=given_back_among(database, payments),
        enrolment=membership.told_of_enrolment(database, member.id),
        consents=membership.consents(database, member.id),
        changes=membership.changes_of(database, member.id),
        pin=membership.pin_of(database, parts.members, member.id),
        reason_characters=(REASON_CHARACTERS_MIN, REASON_CHARACTERS_MAX),
    )


def _reason() -> str | None:
    reason = typed_reason()
    return reason if is_reason(reason) else None
