"""Calls to the sandbox's registries as the gateway makes them."""

from datetime import UTC, datetime
from typing import Any

from sandbox.testing import Box

CLIENT = {
    "grant_type": "client_credentials",
    "client_id": "kibaba",
    "client_secret": "sandbox-registry-secret",
}
NOW = "2026-11-22T00:45:00+03:00"


def token(box: Box, role: str) -> str:
    return str(box.call("POST", f"/{role}/oauth2/client/token", data=CLIENT).get_json()["access_token"])


def envelope(action: str, message: dict[str, Any], count: int = 1, /, **header: Any) -> dict[str, Any]:
    whole = {
        "message_id": "m-1",
        "message_ts": datetime.now(UTC).isoformat(),
        "action": action,
        "sender_id": "kibaba",
        "total_count": count,
    } | header
    return {"header": {key: value for key, value in whole.items() if value is not None}, "message": message}


def ask(box: Box, path: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token(box, path.split('/')[1])}"}
    return box.call("POST", path, json=body, headers=headers)


def search(*queries: Any, kind: str = "idtype-value", **criteria: Any) -> dict[str, Any]:
    return {
        "transaction_id": "t-1",
        "search_request": [
            {
                "reference_id": f"r-{number}",
                "timestamp": NOW,
                "search_criteria": {"version": "1.0.0", "query_type": kind, "query": query} | criteria,
                "locale": "eng",
            }
            for number, query in enumerate(queries, 1)
        ],
    }


def find(box: Box, role: str, *queries: Any, **options: Any) -> list[dict[str, Any]]:
    body = envelope("search", search(*queries, **options), len(queries))
    found: list[dict[str, Any]] = ask(box, f"/{role}/registry/sync/search", body).get_json()["message"][
        "search_response"
    ]
    return found


def uin(value: str) -> dict[str, str]:
    return {"type": "UIN", "value": value}


def event(reference: str = "p-1", **record: Any) -> dict[str, Any]:
    contribution = {
        "@type": "Contribution",
        "member_identifier": [{"identifier_type": "UIN", "identifier_value": "12345678"}],
        "programme_identifier": "HABA",
        "amount": "50.00",
        "currency_code": "KES",
        "period": "2026-11",
        "paid_at": NOW,
        "payer_fa": "254712345678@mpesa.ke",
        "provider_reference": "UKM1ABC2DE",
        "status": "rcvd",
    } | record
    data = {
        "version": "1.0.0",
        "reg_type": "ns:org:RegistryType:Contribution",
        "reg_event_type": "ContributionReceived",
        "reg_record_type": "Contribution",
        "response_entity": "Member",
        "reg_records": contribution,
    }
    return {"reference_id": reference, "timestamp": NOW, "data": data, "locale": "swa"}


def notify(box: Box, *events: Any, transaction: str = "t-2", **header: Any) -> Any:
    message = {"transaction_id": transaction, "notify_event": list(events)}
    body = envelope("notify", message, len(events), **header)
    return ask(box, "/fund/registry/notify", body).get_json()["message"]
