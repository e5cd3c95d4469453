"""How well another server speaks the standard: each claim about each call passed, failed or absent."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from core.clock import Clock, SystemClock
from core.shared_token import TokenCache
from registry.canonical import read_object
from registry.connection import Connection
from registry.envelope import sealed_body, written
from registry.keys import RemoteKeys, SigningKey, public_keys
from registry.outcomes import Answered, Refused, Unavailable
from registry.questions import PERSON
from registry.signature import BadSignature, verify
from registry.transport import Transport

Outcome = Literal["passed", "failed", "absent"]
_ANSWER_BYTES_MAX = 1_000_000
# Of the form of a Kenyan ID; other countries' registries want one of their own.
UNKNOWN_UIN = "99999999"
_STATES = frozenset({"succ", "rjct", "pdng", "rcvd"})
_SIGNED = "the answer's signature holds"
_ENROLLED = (
    "status is told",
    "the answer is yes or no",
    "transaction_id is returned",
    "an unknown person is a clear no",
    "a question about nobody is rejected by a code",
    _SIGNED,
)


@dataclass(frozen=True, slots=True)
class Check:
    """One claim about one call. `says`: what the server answered instead."""

    call: str
    claim: str
    outcome: Outcome
    says: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    url: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> int:
        """How many claims do not hold."""
        return sum(check.outcome == "failed" for check in self.checks)


def examine(
    connection: Connection,
    tokens: TokenCache,
    known_uin: str,
    *,
    unknown_uin: str = UNKNOWN_UIN,
    key: SigningKey | None = None,
    clock: Clock | None = None,
) -> Report:
    """Try every call of one server. Changes nothing there but one subscription, which is ended again.

    `unknown_uin`: a number of a good form that is nobody's there.
    """
    clock = clock or SystemClock()
    transport = Transport(connection, tokens, clock)
    try:
        examiner = _Examiner(connection, transport, key, clock, known_uin, unknown_uin)
        return Report(connection.base_url, tuple(examiner.checks()))
    finally:
        transport.close()


class _Examiner:
    def __init__(
        self,
        connection: Connection,
        transport: Transport,
        key: SigningKey | None,
        clock: Clock,
        uin: str,
        unknown_uin: str,
    ) -> None:
        self._connection = connection
        self._transport = transport
        self._key = key
        self._clock = clock
        self._uin = uin
        self._unknown_uin = unknown_uin

    def checks(self) -> Iterator[Check]:
        yield self._keys()
        yield from self._search()
        yield from self._headers()
        yield from self._acknowledged()
        yield self._status()
        yield from self._enrolled()
        yield self._enrolment_update()

    def _keys(self) -> Check:
        try:
            published = public_keys(self._transport.read_jwks())
        except OSError:
            return Check("jwks", "keys are published", "absent", "not served")
        said = "" if published else "no Ed25519 signature key with an id"
        return Check("jwks", "keys are published", "passed" if published else "failed", said)

    def _search(self) -> Iterator[Check]:
        call = "sync/search"
        body = self._post(self._connection.paths.sync_search, "search", self._search_message())
        if isinstance(body, str):
            yield Check(call, "a known person is searched", _missing(body), body)
            return
        header, message = _dict(body.get("header")), _dict(body.get("message"))
        item = _first(message.get("search_response"))
        data = _dict(item.get("data"))
        yield _check(call, "action is on-search", header.get("action") == "on-search", header.get("action"))
        yield _check(
            call,
            "status is told",
            header.get("status") in _STATES,
            header.get("status"),
        )
        yield _check(
            call, "reference_id is returned", item.get("reference_id") == "r-1", item.get("reference_id")
        )
        yield _check(call, "reg_records is an array", isinstance(data.get("reg_records"), list), data)
        yield self._signed(call, body)
        bad = self._search_message(timestamp="2026-11-22T09:00:00", locale="en")
        body = self._post(self._connection.paths.sync_search, "search", bad)
        item = (
            _first(_dict(_dict(body).get("message")).get("search_response"))
            if not isinstance(body, str)
            else {}
        )
        reason = item.get("status_reason_code") or _code(body)
        yield _check(
            call,
            "an item with faults is rejected by a code",
            str(reason).startswith(("rjct.", "err.")),
            reason,
        )

    def _headers(self) -> Iterator[Check]:
        call = "header"
        faults: dict[str, dict[str, Any]] = {
            "a time without zone is refused": {"message_ts": "2026-11-22T09:00:00"},
            "total_count as text is refused": {"total_count": "1"},
            "another action is refused": {"action": "nonsense"},
            "another version is refused": {"version": "9.9.9"},
            "a missing message_id is refused": {"message_id": None},
        }
        for claim, changes in faults.items():
            body = self._post(self._connection.paths.sync_search, "search", self._search_message(), changes)
            yield _check(call, claim, bool(_code(body)), _code(body) or "taken")
        message_id = str(uuid.uuid4())
        answers = [
            self._post(
                self._connection.paths.sync_search,
                "search",
                self._search_message(),
                {"message_id": message_id},
            )
            for _ in range(2)
        ]
        yield _check(call, "a message is not taken twice", bool(_code(answers[1])), "taken")

    def _acknowledged(self) -> Iterator[Check]:
        paths = self._connection.paths
        subscribe = {
            "version": "1.0.0",
            "reg_type": self._connection.reg_type,
            "reg_event_type": "death",
            "filter_type": "idtype-value",
            "filter": {"type": "UIN", "value": self._uin},
            "notify_record_type": "CRVSPerson",
        }
        wish = self._item({"subscribe_criteria": subscribe})
        event = self._item({"data": {"reg_event_type": "conformance", "reg_records": {}}})
        status = self._status_message()
        for call, path, action, message in (
            ("search", paths.search, "search", self._search_message()),
            ("subscribe", paths.subscribe, "subscribe", _about({"subscribe_request": [wish]})),
            (
                "unsubscribe",
                paths.unsubscribe,
                "unsubscribe",
                _about({"timestamp": self._now(), "subscription_codes": ["sub-test-001"]}),
            ),
            ("notify", paths.notify, "notify", _about({"notify_event": [event]})),
            ("txn/status", paths.txn_status, "txn-status", status),
        ):
            body = self._post(path, action, message)
            claim = "it is acknowledged, or refused by a code"
            if isinstance(body, str):
                yield Check(call, claim, _missing(body), body)
                continue
            ack = _dict(body.get("message")).get("ack_status")
            yield _check(call, claim, ack in {"ACK", "NACK", "ERR"} or bool(_code(body)), ack)

    def _status(self) -> Check:
        call, claim = "sync/txn/status", "what became of a message is told, or refused by a code"
        body = self._post(self._connection.paths.sync_txn_status, "txn-status", self._status_message())
        if isinstance(body, str):
            return Check(call, claim, _missing(body), body)
        told = "txnstatus_response" in _dict(body.get("message"))
        return _check(call, claim, told or bool(_code(body)), "neither")

    def _enrolled(self) -> Iterator[Check]:
        """Whether somebody is enrolled. The question has no `reference_id`: its transaction names it."""
        call, path = "sync/enrolled", self._connection.paths.sync_enrolled
        asked = self._enrolled_message({PERSON: {"eq": self._uin}})
        body = self._post(path, "search", asked)
        if isinstance(body, str):
            yield from (Check(call, claim, _missing(body), body) for claim in _ENROLLED)
            return
        status_told, answered, named, clear_no, rejected, _ = _ENROLLED
        status, transaction_id = (
            _dict(body.get("header")).get("status"),
            _dict(body.get("message")).get("transaction_id"),
        )
        yield _check(call, status_told, status in _STATES, status)
        yield _check(call, answered, _word(body) in {"yes", "no"}, _word(body))
        yield _check(call, named, transaction_id == asked["transaction_id"], transaction_id)
        nobody = self._post(path, "search", self._enrolled_message({PERSON: {"eq": self._unknown_uin}}))
        yield _check(call, clear_no, _word(nobody) == "no", _word(nobody) or _code(nobody) or nobody)
        fault = self._post(path, "search", self._enrolled_message({}))
        yield _check(call, rejected, _code(fault), "taken")
        yield self._signed(call, body)

    def _enrolment_update(self) -> Check:
        call, claim = "sync/enrollment/updates", "an update that names nobody is refused by a code"
        message = _about({"enrolled_updates": {"beneficiaries": "nobody"}})
        body = self._post(self._connection.paths.enrollment_updates, "notify", message)
        if isinstance(body, str):
            return Check(call, claim, _missing(body), body)
        return _check(call, claim, _code(body), "taken")

    def _signed(self, call: str, body: Mapping[str, Any]) -> Check:
        claim, signature = _SIGNED, body.get("signature")
        if not signature:
            return Check(call, claim, "absent", "unsigned")
        keys = RemoteKeys(self._transport.read_jwks)
        try:
            verify(str(signature), body["header"], body["message"], find_key=keys.find, now=self._clock.now())
        except (BadSignature, OSError) as error:
            return Check(call, claim, "failed", str(error))
        return Check(call, claim, "passed")

    def _post(
        self,
        path: str,
        action: str,
        message: Mapping[str, Any],
        header: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | str:
        """The JSON of an answer; a text when there is none."""
        whole: dict[str, Any] = {
            "version": "1.0.0",
            "message_id": str(uuid.uuid4()),
            "message_ts": self._now(),
            "action": action,
            "sender_id": self._connection.sender_id,
            "total_count": 1,
            "is_msg_encrypted": False,
        }
        whole = {name: value for name, value in (whole | dict(header or {})).items() if value is not None}
        body = sealed_body(
            whole,
            message,
            json_mode=self._connection.json_mode,
            signature_mode=self._connection.signature_mode,
            key=self._key,
            now=self._clock.now(),
        )
        outcome = self._transport.post(path, body)
        if isinstance(outcome, Refused):
            return {"errors": [{"code": outcome.code}]}
        if isinstance(outcome, Unavailable):
            return outcome.reason
        assert isinstance(outcome, Answered)
        try:
            return read_object(outcome.body, _ANSWER_BYTES_MAX)
        except ValueError:
            return "unreadable"

    def _search_message(self, **changes: Any) -> dict[str, Any]:
        criteria = {
            "version": "1.0.0",
            "reg_type": self._connection.reg_type,
            "query_type": "idtype-value",
            "query": {"type": "UIN", "value": self._uin},
        }
        return _about({"search_request": [self._item({"search_criteria": criteria}) | changes]})

    def _enrolled_message(self, query: Mapping[str, Any]) -> dict[str, Any]:
        entity = self._connection.response_entity
        criteria = {"query_type": "expression", "response_entity": entity, "query": query}
        return _about({"enrolled_criteria": criteria})

    def _status_message(self) -> dict[str, Any]:
        asked = {
            "reference_id": "s-1",
            "txn_type": "search",
            "attribute_type": "transaction_id",
            "attribute_value": str(uuid.uuid4()),
            "locale": "eng",
        }
        return _about({"txnstatus_request": asked})

    def _item(self, content: Mapping[str, Any]) -> dict[str, Any]:
        return {"reference_id": "r-1", "timestamp": self._now(), "locale": "eng", **content}

    def _now(self) -> str:
        return written(self._clock.now() - timedelta(seconds=1))


def _about(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"transaction_id": str(uuid.uuid4()), **content}


def _code(body: Mapping[str, Any] | str) -> str:
    """Whatever refusal an answer carries."""
    if isinstance(body, str):
        return ""
    errors = body.get("errors")
    if isinstance(errors, list):
        return str(_first(errors).get("code", ""))
    message, header = _dict(body.get("message")), _dict(body.get("header"))
    if message.get("ack_status") == "ERR":
        return str(_dict(message.get("error")).get("code", ""))
    return str(header.get("status_reason_code") or "") if header.get("status") == "rjct" else ""


def _word(body: Mapping[str, Any] | str) -> str:
    """What is said of an enrolment; empty when nothing is."""
    listed = _dict(_dict(body).get("message")).get("enrolled_response")
    return str(_first(listed).get("enrolled_status") or "")


def _check(call: str, claim: str, holds: object, says: object) -> Check:
    if holds:
        return Check(call, claim, "passed")
    return Check(call, claim, "failed", says if isinstance(says, str) else json.dumps(says)[:200])


def _missing(reason: str) -> Outcome:
    return "absent" if reason in {"http_404", "http_405", "http_501"} else "failed"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: Any) -> dict[str, Any]:
    return _dict(value[0]) if isinstance(value, list) and value else {}
