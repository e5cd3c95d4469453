"""Each thing that lint must find is found in a menu that has it; a clean menu has no findings."""

from __future__ import annotations

import subprocess
import sys

import pytest

import menus
from menus.engine.lint import lint
from menus.engine.source import DefinitionError, Finding, source_of
from menus.rules import VOCABULARY

Files = dict[str, str]
SCREENS, ENGLISH, SWAHILI = "screens/tiny.yaml", "texts/en.yaml", "texts/sw.yaml"


def findings_of(files: Files) -> list[Finding]:
    return lint(source_of(files), VOCABULARY)


def broken(tiny: Files, file: str, old: str, new: str) -> list[Finding]:
    assert old in tiny[file]
    return findings_of({**tiny, file: tiny[file].replace(old, new, 1)})


def test_the_packaged_menus_are_clean() -> None:
    assert menus.lint() == []


def test_the_tiny_menu_is_clean(tiny: Files) -> None:
    assert findings_of(tiny) == []


@pytest.mark.parametrize("alias", ["1", "9", "00", "98"])
def test_an_alias_never_looks_like_an_option(tiny: Files, alias: str) -> None:
    link = f'  links:\n    - {{path: ["{alias}"], to: hall, for: [member]}}\nscreens:'
    found = broken(tiny, SCREENS, "screens:", link)
    assert any(f"the alias `{alias}` looks like an option" in finding.message for finding in found), found


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("go: asked", "go: askd", "leads to `askd`, which is no screen", 17),
        ("kind: input", "kind: imput", "has no kind", 19),
        ("rule: birth_year", "rule: birth_yaer", "no input rule is called `birth_yaer`", 21),
        ("rule: opening", "rule: openning", "no decision is called `openning`", 12),
        ("answer: birth_year", "anwser: birth_year", "kind input has no `anwser`", 22),
        ("    to: over\n", "", "kind input needs `to`", 19),
        (", closed: hall", "", "outcome `closed` leads nowhere", 13),
        ("merged: hall}", "merged: hall, gone: hall}", "`gone` never happens", 13),
        ("start: begin", "start: hall", "`hall` is no decision", 2),
        ("home: hall", "hoem: hall", "no `hoem` here", 3),
        ("trouble: {kind: notice, ends: true}", "trouble: {kind: notice}", "does not end the session", 6),
        ("default_language: en", "default_language: lu", "there are no texts for it", 8),
        ("  go: asked", "  go: [asked]", "leads to a screen", 16),
        ("  asked:", "  hall:", "`hall` is given twice", 19),
        ("screens:", "screens: [", "not YAML", 10),
    ],
)
def test_a_slip_in_the_screens_is_named_with_its_line(
    tiny: Files, old: str, new: str, message: str, line: int
) -> None:
    found = broken(tiny, SCREENS, old, new)
    assert any(message in finding.message for finding in found), found
    nearest = next(finding for finding in found if message in finding.message)
    assert nearest.file == SCREENS
    assert abs(nearest.line - line) <= 1
    assert nearest.fix


def test_a_screen_nobody_can_reach(tiny: Files) -> None:
    found = broken(tiny, SCREENS, "  over: {", "  attic: {kind: notice, ends: true}\n  over: {")
    assert any("`attic`: no way leads here" in finding.message for finding in found)


def test_a_dead_end(tiny: Files) -> None:
    tiny[SCREENS] = tiny[SCREENS].replace("      stop: trouble", "      stop: wall") + (
        "  wall: {kind: notice, back: false}\n"
    )
    found = findings_of(tiny)
    assert any("`wall`: a dead end" in finding.message for finding in found)


def test_a_first_screen_that_could_only_be_left_by_back(tiny: Files) -> None:
    tiny[SCREENS] = tiny[SCREENS].replace("closed: hall", "closed: board") + "  board: {kind: notice}\n"
    found = findings_of(tiny)
    assert any("`board`: may be the first screen" in finding.message for finding in found)


def test_a_circle_without_a_way_out(tiny: Files) -> None:
    tiny[SCREENS] = tiny[SCREENS].replace("      stop: trouble", "      stop: round") + (
        "  round:\n    kind: choice\n    options: {on: again}\n"
        "  again:\n    kind: choice\n    options: {on: round}\n"
    )
    found = [finding.message for finding in findings_of(tiny)]
    assert any("`round`: a circle" in message for message in found)
    assert any("`again`: a circle" in message for message in found)


def test_decisions_that_decide_in_a_circle(tiny: Files) -> None:
    found = broken(tiny, SCREENS, "newcomer: hall", "newcomer: begin")
    assert any("decides in a circle" in finding.message for finding in found)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("text: Which year?", "text: Which {amont}?", "nothing fills {amont}"),
        ("text: Which year?", "text: Which year {?", "a brace that is no placeholder"),
        ("text: Which year?", "text: 'Which {fund|one|many}?'", "{fund} is no number that has two forms"),
        ("text: Which year?", "text: 'Which {tries_left|one}?'", "a brace that is no placeholder"),
        ("text: Which year?", "text: 'Which {tries_left|one| }?'", "a brace that is no placeholder"),
        ("text: Which year?", "text: Don\u2019t know?", "is not GSM-7"),
        ("text: Which year?", "text: Your {pin}?", "would show a PIN"),
        ("text: Which year?", f"text: {'word ' * 40}", "need 2 pages"),
        ("stop: Stop", "stop: Go on.", "reads like option `go`"),
        ("    options: {go: Go on, stop: Stop}\n", "    options: {go: Go on}\n", "missing in sw"),
        ("text: Over.", "text: Over., tail: x", "nothing uses this text"),
        ("choice: Choose a number.", "choice: ", "is no text"),
    ],
)
def test_a_slip_in_the_texts(tiny: Files, old: str, new: str, message: str) -> None:
    found = broken(tiny, SWAHILI, old, new)
    assert any(message in finding.message and finding.file == SWAHILI for finding in found), found


def test_a_foreign_character_comes_with_its_replacement(tiny: Files) -> None:
    (finding,) = broken(tiny, ENGLISH, "Which year?", "Which year\u2014this?")
    assert "U+2014" in finding.message
    assert finding.fix == "write '-'"


def test_placeholders_that_differ_between_languages(tiny: Files) -> None:
    found = broken(tiny, SWAHILI, "text: Which year?", "text: Which {minimum}?")
    assert any("placeholders differ from en: minimum" in finding.message for finding in found)


def test_a_text_that_fits_only_with_short_values_is_refused(tiny: Files) -> None:
    filled = "x" * 60 + " {balance} {balance} {on_its_way} {on_its_way} {fund} {balance}"
    for file in (ENGLISH, SWAHILI):
        tiny[file] = tiny[file].replace("Which year?", f'"{filled}"')
    found = findings_of(tiny)
    assert {finding.file for finding in found if "need 2 pages" in finding.message} == {ENGLISH, SWAHILI}


@pytest.mark.parametrize("forms", ["{day}|days", "day|{day}"])
def test_of_two_forms_the_longer_is_measured(tiny: Files, forms: str) -> None:
    text = f"'{'word ' * 25}{{waiting_days}} {{waiting_days|{forms.replace('{day}', 'd' * 40)}}}'"
    for file in (ENGLISH, SWAHILI):
        tiny[file] = tiny[file].replace("text: Trouble.", f"text: {text}")
    assert sum("need 2 pages" in finding.message for finding in findings_of(tiny)) == 2


def test_a_pin_is_never_interpolated_under_whatever_name(tiny: Files) -> None:
    tiny[SCREENS] = tiny[SCREENS].replace("go: asked", "go: keyed") + (
        "  keyed: {kind: pin, purpose: set, answer: amount, to: asked}\n"
    )
    for file in (ENGLISH, SWAHILI):
        tiny[file] += "  keyed: {text: 'Yours {amount}'}\n"
    assert any("{amount} would show a PIN" in finding.message for finding in findings_of(tiny))


def test_more_than_five_options(tiny: Files) -> None:
    names = [f"o{index}" for index in range(6)]
    options = "\n".join(f"      {name}: over" for name in names)
    tiny[SCREENS] = tiny[SCREENS].replace("      stop: trouble", f"      stop: trouble\n{options}")
    labels = ", ".join(f"{name}: Way {name}" for name in names)
    for file in (ENGLISH, SWAHILI):
        tiny[file] = tiny[file].replace("stop: Stop", f"stop: Stop, {labels}")
    assert any("8 options, more than 5" in finding.message for finding in findings_of(tiny))


def test_a_broken_menu_is_refused_before_anyone_dials(tmp_path: object) -> None:
    with pytest.raises(DefinitionError, match="no YAML file here"):
        menus.load_graph(tmp_path)  # type: ignore[arg-type]


def test_two_processes_agree_on_the_hash() -> None:
    command = [sys.executable, "-c", "import menus; print(menus.load_graph().hash)"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert printed == menus.load_graph().hash


def test_a_kept_definition_loads_as_the_same_graph() -> None:
    assert menus.load_packed(menus.load_with_pack()[1]).hash == menus.load_graph().hash


def test_an_answer_shown_before_it_was_asked_for(tiny: Files) -> None:
    for file in (ENGLISH, SWAHILI):
        tiny[file] = tiny[file].replace("text: Which year?", "text: 'Year, {amount}?'")
    found = [finding.message for finding in findings_of(tiny)]
    assert sum("{amount} may not be known here" in message for message in found) == 2


def test_an_effect_that_lacks_an_answer(tiny: Files) -> None:
    tiny[SCREENS] = tiny[SCREENS].replace("      stop: trouble", "      stop: pay") + (
        "  pay:\n    kind: decision\n    effect: save\n    rule: save_result\n"
        "    branches: {queued: over, already_open: over, limit: over, not_allowed: trouble}\n"
    )
    assert any("`amount` may not be known here" in finding.message for finding in findings_of(tiny))


def test_the_result_of_an_effect_on_a_screen_that_stays(tiny: Files) -> None:
    for file in (ENGLISH, SWAHILI):
        tiny[file] = tiny[file].replace("text: Which year?", "text: 'Year, {new_number}?'")
    assert any("shows the result of `join`" in f.message for f in lint_with_join(tiny))


def lint_with_join(tiny: Files) -> list[Finding]:
    """The tiny menu with a decision that has the effect `join`, so that its result exists."""
    tiny[SCREENS] = tiny[SCREENS].replace("      stop: trouble", "      stop: joining") + (
        "  joining:\n    kind: decision\n    effect: join\n    rule: join_result\n"
        "    branches: {joined: over, pending: over, taken: asked, refused: trouble}\n"
    )
    return findings_of(tiny)


def test_a_slip_where_the_language_is_asked_for_must_fit_in_each_language(tiny: Files) -> None:
    """Either alone has room above the question, both do not."""
    tiny[SCREENS] = tiny[SCREENS].replace("    kind: choice\n", "    kind: choice\n    answer: language\n", 1)
    tiny[SCREENS] = tiny[SCREENS].replace("go: asked\n      stop: trouble", "en: asked\n      sw: asked")
    for file in (ENGLISH, SWAHILI):
        tiny[file] = tiny[file].replace("options: {go: Go on, stop: Stop}", "options: {en: English, sw: Sw}")
    assert findings_of(tiny) == []
    for file, letter in ((ENGLISH, "e"), (SWAHILI, "s")):
        tiny[file] = tiny[file].replace("choice_short: Wrong.", f"choice_short: {letter * 70}")
    found = [finding.message for finding in findings_of(tiny)]
    assert sum("the reason `choice_short` does not fit above it" in message for message in found) == 2


def test_why_an_alias_leads_nowhere_must_fit_where_the_call_begins(tiny: Files) -> None:
    tiny[SCREENS] = tiny[SCREENS].replace(
        "  default_language: en\n",
        "  default_language: en\n  links: [{path: ['01'], to: asked, for: [member]}]\n",
    )
    for file in (ENGLISH, SWAHILI):
        tiny[file] += "say: {link_unknown: Unknown., link_first: First.}\n"
    assert findings_of(tiny) == []
    tiny[ENGLISH] = tiny[ENGLISH].replace("First.", "x" * 150)
    assert any("does not fit above `hall`" in finding.message for finding in findings_of(tiny))
