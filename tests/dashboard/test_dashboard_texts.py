"""The catalogue: every word of a page comes from it, and none is missing."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment

import dashboard
from dashboard import catalogue, showing
from dashboard.ages import AgeBucket
from dashboard.breaks import turn_of
from dashboard.day_proof import _LINES
from dashboard.pages.payments import _STEPS
from dashboard.staff.model import Role
from dashboard.trail import _GROUPS, details_of
from dashboard.witnesses import WORDS
from members.documents import FORMS
from members.duplicates.model import CaseState, Likeness
from members.model import (
    NATIONAL_ID,
    IdentityState,
    NoticeKind,
    PhoneChangeState,
    Purpose,
    Status,
    TellingState,
)
from members.new_pin import PinStanding
from payments.alerts.service import AlertKind
from payments.claims.model import ClaimState
from payments.merging.model import PairAct
from payments.model import BreakClass, EvidenceChannel, MatchStep, PaymentState, Verdict
from payments.suspense.giving_back import BackStep, GivingBack
from payments.suspense.model import Act, DecisionState, Place
from payments.suspense.suggesting import _WORTH
from payments.wallets.protocol import LineKind
from registry.breaker import CONNECTIONS, Circuit
from registry.connection import ReplySignatures
from registry.server.model import Scope
from workers.topics import TOPICS

FOLDER = Path(dashboard.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").rglob("*.html"))
_KEY = re.compile(r"""(?<![\w.])(t|tn|text)\(\s*["']([a-z_.0-9-]+)["']\s*[,)]""")


def literals(template: str) -> str:
    """What a template itself says to people: text between tags, and the attributes that are read aloud."""
    tokens = Environment(autoescape=True).lex(template)
    html = "".join(value if kind == "data" else "\x00" for _, kind, value in tokens)
    html = re.sub(r"<!doctype html>", "", html)
    read_aloud = re.findall(r'(?:aria-label|alt|title|placeholder)="([^"]*)"', html)
    return " ".join([*read_aloud, re.sub(r"<[^>]*>", " ", html)])


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_of_its_own(path: Path) -> None:
    assert re.findall(r"[A-Za-z]{2,}", literals(path.read_text())) == []


@pytest.mark.parametrize("path", [*TEMPLATES, *sorted(FOLDER.rglob("*.py"))], ids=lambda path: path.name)
def test_every_key_that_is_asked_for_is_written(path: Path) -> None:
    known = catalogue.catalogue()
    for function, key in _KEY.findall(path.read_text()):
        wanted = {f"{key}.one", f"{key}.other"} if function == "tn" else {key}
        assert wanted <= known.keys(), key


@pytest.mark.parametrize(
    ("group", "values"),
    [
        ("role", list(Role)),
        ("break_class", list(BreakClass)),
        ("break_what", list(BreakClass)),
        ("break_next", list(BreakClass)),
        ("turn", [turn_of(kind) for kind in BreakClass]),
        ("payment_state", list(PaymentState)),
        ("payment_step", list(PaymentState)),
        ("payment_ahead", list(_STEPS)),
        ("source", list(EvidenceChannel)),
        ("verdict", list(Verdict)),
        ("tied", list(MatchStep)),
        ("line_kind", list(LineKind)),
        ("status", list(Status)),
        ("enrolment_active", sorted(set(TellingState) - {TellingState.WITHDRAWN})),
        ("enrolment_inactive", sorted(set(TellingState) - {TellingState.WITHDRAWN})),
        ("purpose", list(Purpose)),
        ("pin_standing", list(PinStanding)),
        ("change_state", list(PhoneChangeState)),
        ("side", list(WORDS)),
        ("act_of_staff", list(Act)),
        ("act_means", sorted(set(Act) - {Act.MATCH, Act.UNDO})),
        ("circuit", list(Circuit)),
        ("topic", list(TOPICS)),
        ("registry", list(CONNECTIONS)),
        ("notice_kind", list(NoticeKind)),
        ("notice_next", list(NoticeKind)),
        ("likeness", list(Likeness)),
        ("pair_state", list(CaseState)),
        ("pair_act", list(PairAct)),
        ("paper", [NATIONAL_ID, *FORMS]),
        ("decision_state", list(DecisionState)),
        ("claim_state", list(ClaimState)),
        ("place", list(Place)),
        ("alert", list(AlertKind)),
        ("suggestion", list(_WORTH)),
        ("age_bucket", list(AgeBucket)),
        ("proof_line", [key for key, _, _ in _LINES]),
        ("scope", list(Scope)),
        ("reply_signatures", list(ReplySignatures)),
        ("found_by", ["number", "phone", NATIONAL_ID, *FORMS]),
        ("place", ["given_back"]),
        ("payment_state", [*GivingBack, *BackStep]),
        ("payment_step", sorted(set(BackStep) - {BackStep.REFUSED})),
        ("payment_ahead", sorted(set(BackStep) - {BackStep.DECIDED, BackStep.ASKED, BackStep.FAILED})),
        ("work.given_back", list(GivingBack)),
        ("identity_doubt", [state for state in IdentityState if state.is_doubtful]),
    ],
)
def test_every_code_has_its_word(group: str, values: list[str]) -> None:
    assert [value for value in values if f"{group}.{value}" not in catalogue.catalogue()] == []


_ACT = re.compile(r"""(?:\baction=|\bwas_(?:seen|revealed)\(\s*database,\s*)"([a-z_]+\.[a-z_]+)\"""")


def test_every_act_of_the_audit_trail_has_its_word() -> None:
    rooms = ("dashboard", "members", "messages", "operations", "payments", "registry", "ussd_app")
    files = [path for room in rooms for path in (FOLDER.parent / room).rglob("*.py")]
    acts = {act for path in files for act in _ACT.findall(path.read_text())}
    assert len(acts) > 40
    assert {act for act in acts if f"act.{act}" not in catalogue.catalogue()} == set()


def test_details_of_the_audit_trail_are_in_words() -> None:
    staff = "staff:0192"
    told = details_of(
        {"way": "password", "by": None, "scopes": ["registry.notify", "registry.search"], "maker": staff}
        | {"digest": "0123456789abcdef0123", "before": {"place": "suspense", "member_id": None}, "code": ""},
        {staff: "Amina Officer"},
    )
    assert [(each.name, each.shown) for each in told] == [
        ("by", "password"),
        ("may", "send news, search"),
        ("proposed by", "Amina Officer"),
        ("digest", "0123456789abcdef0\N{HORIZONTAL ELLIPSIS}"),
        ("before", "In suspense"),
    ]


def test_no_text_is_written_for_nothing() -> None:
    source = "\n".join(path.read_text() for path in [*TEMPLATES, *FOLDER.rglob("*.py")])
    groups = set(re.findall(r"""(?:word|state)\(\s*["']([a-z_]+)["']""", source))
    groups |= set(re.findall(r"""f"([a-z_.]+)\.\{""", source))
    groups |= set(re.findall(r"""["']([a-z_.]+)\.["'] ?~""", source)) | {*WORDS.values(), "age", "exceptions"}
    groups |= {group for several in _GROUPS.values() for group in several}
    unused = [
        key
        for key in (re.sub(r"\.(one|other)$", "", key) for key in catalogue.catalogue())
        if not re.search(rf"""["']{re.escape(key)}["']""", source) and not key.startswith(tuple(groups))
    ]
    assert unused == []


def test_a_code_nobody_has_a_word_for_is_still_shown() -> None:
    assert catalogue.word("break_class", "something_new") == "something new"


def test_a_key_nobody_wrote_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        catalogue.text("no.such.key")


def test_amounts_are_shown_to_the_cent() -> None:
    assert showing.amount(123_456_789) == "1,234,567.89"
    assert showing.amount(-5) == "\N{MINUS SIGN}0.05"


def test_long_runs_of_digits_are_veiled_in_words_from_elsewhere() -> None:
    assert showing.veiled("blocked: 254712345678, +254712345678 (ID 22113300)") == (
        "blocked: •••678, •••678 (ID •••300)"
    )
    assert showing.veiled("receipt SKM1234567 code 1032") == "receipt SKM1234567 code 1032"
