"""M-Pesa keeps the wallet contract on the bodies that Daraja documents."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

from payments.wallets.mpesa.pull import QUERY_PATH as PULL_PATH
from payments.wallets.mpesa.stk import PUSH_PATH, QUERY_PATH
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.protocol import AskOutcome, PromptRequest, Wallet
from tests.payments.wallets import mpesa_bodies as bodies
from tests.payments.wallets.mpesa_stubs import Daraja, daraja, wallet, wish
from tests.payments.wallets.wallet_contract import ListingContract, WalletContract

CODES = {"paid": "0", "cancelled": "1032", "insufficient": "1", "timeout": "1037", "wrong_pin": "2001"}
OPEN = (500, bodies.error("500.001.1001", bodies.PROCESSING))
NOTHING = {"ResponseRefID": "1", "ResponseCode": "1001", "ResponseMessage": "No records found"}


class DocumentedStage:
    """A Daraja made of documented bodies only."""

    def __init__(self, stub: Daraja) -> None:
        self.mpesa: MpesaWallet = wallet()
        self._stub = stub
        self._outcome = "open"
        stub.answer(PUSH_PATH, (200, bodies.ACCEPTED))
        stub.answer(QUERY_PATH, OPEN)
        stub.answer(PULL_PATH, (200, NOTHING))

    @property
    def wallet(self) -> Wallet:
        return self.mpesa

    def wish(self) -> PromptRequest:
        return wish()

    def now(self) -> datetime:
        return bodies.NOW

    def payers_will(self, outcome: str) -> None:
        self._outcome = outcome
        answer = OPEN if outcome == "open" else (200, bodies.queried(CODES[outcome]))
        self._stub.answer(QUERY_PATH, answer)

    def fail_with(self, fault: str) -> None:
        answers: dict[str, Any] = {
            "busy": (500, bodies.error("500.003.02", "Error Occurred: Spike Arrest Violation")),
            "hang": requests.exceptions.ReadTimeout(),
            "down": requests.exceptions.ConnectTimeout(),
        }
        for path in (PUSH_PATH, QUERY_PATH, PULL_PATH):
            self._stub.answer(path, answers[fault])

    def end_the_token(self) -> None:
        refused = (404, bodies.error("404.001.03", "Invalid Access Token"))
        self._stub.answer(PUSH_PATH, refused, (200, bodies.ACCEPTED))

    def prompts_received(self) -> int:
        return len(self._stub.bodies(PUSH_PATH))

    def ended(self, checkout_id: str) -> AskOutcome:
        return self.mpesa.ask(checkout_id)

    def callback(self, checkout_id: str) -> str:
        items = bodies.paid_items() if self._outcome == "paid" else None
        return bodies.callback(int(CODES[self._outcome]), "", items)

    def hand_payments(self, accounts: list[str]) -> list[str]:
        receipts = {account: f"RKL51ZDR{n:02}" for n, account in enumerate(accounts)}
        rows = [
            bodies.pull_row(receipt, billreference=account, amount="70.00")
            for account, receipt in receipts.items()
        ]
        first, second = rows[:3], rows[3:]
        self._stub.answer(
            PULL_PATH,
            (200, bodies.pulled(first, TotalRecords=len(rows))),
            (200, bodies.pulled(second, TotalRecords=len(rows))),
        )
        return [
            bodies.hand_payment(TransID=receipt, BillRefNumber=account, TransAmount="70.00")
            for account, receipt in receipts.items()
        ]

    def pulls_fail(self) -> None:
        self._stub.answer(PULL_PATH, (200, NOTHING | {"ResponseMessage": "Failed"}))


class TestMpesaOnDocumentedBodies(WalletContract, ListingContract):
    @pytest.fixture
    def stage(self) -> Iterator[DocumentedStage]:
        with daraja() as stub:
            yield DocumentedStage(stub)
