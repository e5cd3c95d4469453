"""What is served where: path, action, scope and kind of answer of every endpoint."""

from dataclasses import dataclass

from registry.server.model import Scope


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path below `/dci/registry`.

    `batch`: the list in the message whose length the header counts. `answers`: the list in a synchronous
    answer, which is there and empty when the message is rejected as a whole.
    """

    path: str
    action: str
    scope: Scope
    is_sync: bool = False
    batch: str = ""
    answers: str = ""
    needs_transaction: bool = True


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "sync/search",
        "search",
        Scope.SEARCH,
        is_sync=True,
        batch="search_request",
        answers="search_response",
    ),
    Endpoint("sync/enrolled", "search", Scope.SEARCH, is_sync=True, answers="enrolled_response"),
    Endpoint("sync/enrollment/updates", "notify", Scope.NOTIFY, is_sync=True, answers="enrolled_response"),
    Endpoint("search", "search", Scope.SEARCH, batch="search_request"),
    Endpoint("subscribe", "subscribe", Scope.SUBSCRIBE, batch="subscribe_request"),
    Endpoint("unsubscribe", "unsubscribe", Scope.SUBSCRIBE),
    Endpoint("notify", "notify", Scope.NOTIFY, batch="notify_event"),
    Endpoint("sync/txn/status", "txn-status", Scope.SEARCH, is_sync=True, needs_transaction=False),
    Endpoint("txn/status", "txn-status", Scope.SEARCH, needs_transaction=False),
    # Answers to what we asked.
    Endpoint("on-search", "on-search", Scope.NOTIFY),
    Endpoint("on-subscribe", "on-subscribe", Scope.NOTIFY),
    Endpoint("on-unsubscribe", "on-unsubscribe", Scope.NOTIFY),
    Endpoint("txn/on-status", "txn-on-status", Scope.NOTIFY),
)
BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}
# What the action of the answer is called.
ANSWERS = {
    "search": "on-search",
    "subscribe": "on-subscribe",
    "unsubscribe": "on-unsubscribe",
    "txn-status": "txn-on-status",
    "notify": "on-notify",
}
# Where below the caller's address an answer is posted.
ANSWER_PATHS = {
    "search": "on-search",
    "subscribe": "on-subscribe",
    "unsubscribe": "on-unsubscribe",
    "txn-status": "txn/on-status",
}
