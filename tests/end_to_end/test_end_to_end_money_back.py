"""Money that is paid for another, planned, and taken back: through the real hooks, to the fund."""

from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from tests.end_to_end.phones import Phone, new_member
from tests.end_to_end.stack import NAIROBI, REQUEST_SECONDS_MAX, Stack
from tests.end_to_end.test_end_to_end_hand_payments import pay
from tests.end_to_end.waiting import wait_for


def at_the_fund(stack: Stack, receipt: str) -> list[dict[str, Any]]:
    """What the central registry holds about a receipt, oldest first."""
    everything = stack.sandbox("GET", "/fund/contributions")
    return [one for one in everything if one["provider_reference"] == receipt]


def wait_for_a_correction(stack: Stack, receipt: str) -> None:
    """The registry has the payment and, after it, the record that makes it void."""
    first, second = wait_for(
        lambda: held if len(held := at_the_fund(stack, receipt)) > 1 else None,
        f"a correction of {receipt}",
        otherwise=stack.explain,
    )
    assert second["corrects"] == first["reference_id"]
    assert (second["status"], second["amount"]) == ("rjct", first["amount"])
    assert second["member_identifier"] == first["member_identifier"]


def test_what_is_paid_for_another_member_and_month_is_theirs_and_is_told_to_the_fund(stack: Stack) -> None:
    (payer, _), (owner, number) = new_member(stack), new_member(stack)
    payer.dial()
    payer.choose("Save")
    payer.choose("More ways to save")
    payer.choose("For another member")
    assert number[:3] in payer.answer(number)
    payer.choose("Yes")
    payer.choose("Other amount")
    payer.answer("70")
    payer.choose("Yes")
    payer.pay()
    arrived = payer.wait_for_sms("arrived for member", number)
    owner.wait_for_sms("received KES 70", "Your savings: KES 70 ")
    receipt = arrived.split("receipt ")[1].split(",")[0]
    [held] = wait_for(lambda: at_the_fund(stack, receipt), "the record", otherwise=stack.explain)
    assert held["member_identifier"][0]["identifier_value"] == number
    assert held["payer_fa"].startswith(payer.number.removeprefix("+"))

    owner.dial()
    owner.answer("2")
    owner.choose("More ways to save")
    owner.choose("For another month")
    month = owner.screen.splitlines()[1].split(" ", 1)[1]
    owner.choose(month)
    owner.choose("Other amount")
    owner.answer("80")
    owner.choose("Yes")
    owner.pay()
    receipt = owner.wait_for_sms("received KES 80").split("receipt ")[1].split(".")[0]
    [held] = wait_for(lambda: at_the_fund(stack, receipt), "the record", otherwise=stack.explain)
    wanted = datetime.strptime(month, "%b %Y").replace(tzinfo=NAIROBI)
    assert held["period"] == f"{wanted:%Y-%m}"


def test_what_the_wallet_takes_back_leaves_the_savings_and_the_fund(stack: Stack, tmp_path: Path) -> None:
    phone, number = new_member(stack)
    receipt = pay(stack, number, 110, phone.number)
    # Before it is heard of, nothing of it is missing at the fund either.
    phone.wait_for_sms(receipt, "received KES 110")
    wait_for(stack.is_all_at_the_fund, "it at the fund", otherwise=stack.explain)
    before = stack.proof()
    stack.sandbox("POST", "/reversals", {"receipt": receipt})
    import_statement(stack, tmp_path)
    phone.wait_for_sms(receipt, "was reversed by M-Pesa", "Your savings: KES 0 ")
    after = stack.proof()
    assert before["credited_cents"] - after["credited_cents"] == 11_000
    assert after["postings_sum_cents"] == 0
    assert "given back" in phone.payments()
    wait_for_a_correction(stack, receipt)
    # The same file once more changes nothing.
    import_statement(stack, tmp_path)
    assert stack.proof()["credited_cents"] == after["credited_cents"]
    assert len(at_the_fund(stack, receipt)) == 2


def import_statement(stack: Stack, folder: Path) -> None:
    """The organisation's statement of today, as the portal exports it, imported by the operator."""
    day = datetime.fromisoformat(stack.sandbox("GET", "/clock")["now"]).astimezone(NAIROBI)
    with requests.Session() as session:
        session.trust_env = False
        address, today = f"{stack.sandbox_url}/statement", {"date": f"{day:%Y-%m-%d}"}
        exported = session.get(address, params=today, timeout=REQUEST_SECONDS_MAX)
    exported.raise_for_status()
    file = folder / "statement.csv"
    file.write_bytes(exported.content)
    stack.command("statement", "import", str(file))


def test_a_plan_is_set_and_paid_on_the_phone(stack: Stack) -> None:
    phone, _ = new_member(stack)
    set_a_plan(phone)
    phone.answer("00")
    phone.choose("Save")
    phone.choose("More ways to save")
    plan = phone.choose("My saving plan")
    assert "Your plan is to save KES 100 each week. Saved so far: KES 0. Reminders: on" in plan
    phone.choose("Save KES 100 now")
    phone.choose("Yes")
    phone.pay()
    phone.wait_for_sms("Your savings: KES 100 ")


def set_a_plan(phone: Phone) -> None:
    """KES 100 each week, with reminders."""
    phone.dial()
    for option in ("Save", "More ways to save", "My saving plan", "Each week", "KES 100"):
        phone.choose(option)
    assert "Your plan is set." in phone.choose("Yes, and remind me by SMS")
