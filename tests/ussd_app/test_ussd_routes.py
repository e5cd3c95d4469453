"""Everything that machines call says who may: a token in its address, or a partner's bearer."""

from flask import Flask

from ussd_app.bootstrap import Services
from ussd_app.dci.application import create_dci

# Alive and ready tell nothing of anybody; /metrics asks for its own token (tests of health).
OPEN = {"/healthz", "/readyz", "/metrics"}
# Our keys and what we offer; whoever asks for a bearer shows credentials in the body.
OPEN_TO_PARTNERS = {
    "/.well-known/jwks.json",
    "/dci/.well-known/jwks.json",
    "/dci/openapi.json",
    "/dci/oauth2/client/token",
}


def _rules(app: Flask) -> list[tuple[str, str]]:
    """Each path with a method that it takes."""
    return [
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/dashboard")
    ]


def test_what_is_not_open_wants_the_token_in_its_address(app: Flask) -> None:
    rules = _rules(app)
    assert {path for path, _ in rules if "<token>" not in path} == OPEN
    guarded = [(path, method) for path, method in rules if "<token>" in path]
    assert guarded
    for path, method in guarded:
        answer = app.test_client().open(path.replace("<token>", "guessed"), method=method)
        assert answer.status_code == 404, path


def test_partners_show_a_bearer(services: Services) -> None:
    dci = create_dci(services)
    rules = _rules(dci)
    assert {path for path, _ in rules} >= OPEN_TO_PARTNERS
    for path, method in rules:
        if path not in OPEN_TO_PARTNERS:
            assert dci.test_client().open(path, method=method, json={}).status_code == 401, path
