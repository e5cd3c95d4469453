"""Every code of the standard is known, and what it means for trying again."""

import pytest

from registry.codes import CODES, code_named
from registry.outcomes import Refused

STANDARD = [
    "rjct.version.invalid",
    "rjct.message_id.duplicate",
    "rjct.message_ts.invalid",
    "rjct.action.invalid",
    "rjct.action.not_supported",
    "rjct.total_count.invalid",
    "rjct.total_count.limit_exceeded",
    "rjct.errors.too_many",
    "rjct.reference_id.invalid",
    "rjct.reference_id.duplicate",
    "rjct.timestamp.invalid",
    "rjct.search_criteria.invalid",
    "rjct.filter.invalid",
    "rjct.sort.invalid",
    "rjct.pagination.invalid",
    "rjct.search.too_many_records_found",
    "rjct.notify_types.invalid",
    "rjct.notify_details.invalid",
    "rjct.person_id.invalid",
    "rjct.event.already_subscribed",
    "rjct.subscription_code.invalid",
    "rjct.requester.invalid",
    "rjct.event.already_unsubscribed",
    "err.request.bad",
    "err.request.unauthorized",
    "err.request.forbidden",
    "err.request.not_found",
    "err.request.timeout",
    "err.request.too_many_requests",
    "err.version.not_supported",
    "err.sender_id.invalid",
    "err.sender_uri.invalid",
    "err.receiver_id.invalid",
    "err.signature.missing",
    "err.signature.invalid",
    "err.encryption.invalid",
    "err.service.unavailable",
    "rjct.payer_fa.invalid",
    "rjct.payee_fa.invalid",
    "rjct.amount.invalid",
    "rjct.schedule_ts.invalid",
    "rjct.currency_code.invalid",
]


def test_every_code_of_the_standard_has_a_row_and_no_other_is_invented() -> None:
    assert set(CODES) == set(STANDARD)


@pytest.mark.parametrize(
    "code",
    [
        "err.request.unauthorized",
        "err.request.timeout",
        "err.request.too_many_requests",
        "err.service.unavailable",
        "err.signature.invalid",
        "rjct.message_ts.invalid",
    ],
)
def test_what_clocks_keys_load_and_outages_cause_is_tried_again(code: str) -> None:
    assert not code_named(code).permanent


@pytest.mark.parametrize("code", ["rjct.amount.invalid", "err.request.bad", "rjct.total_count.invalid"])
def test_what_the_content_causes_is_not_tried_again(code: str) -> None:
    assert code_named(code).permanent


def test_a_code_is_recognised_in_any_case_and_an_unknown_rejection_is_permanent() -> None:
    assert code_named(" ERR.Service.Unavailable ") is CODES["err.service.unavailable"]
    assert code_named("rjct.member.unknown").permanent
    assert not code_named("err.of.their.own").permanent


def test_a_registrys_words_are_kept_short_and_printable() -> None:
    refused = Refused.because("err.their\x00own", "line one\nline two\x1b[31m" + "x" * 500)
    assert (refused.code, refused.permanent) == ("err.their own", False)
    assert refused.message.startswith("line one line two [31m")
    assert len(refused.message) == 200
