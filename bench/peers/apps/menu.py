"""The sample flow as one writes it by hand: home, amount, confirm; one stage kept per session."""

import json

HOME = "CON Haba Fund: little by little\n1. Contribute\n2. My balance"
AMOUNT = "CON Enter the amount in shillings"
SESSION_SECONDS = 180


def next_screen(stored: bytes | str | None, text: str) -> tuple[str, str]:
    """From the stored session and the posted text to the new session and the screen."""
    session = json.loads(stored) if stored else {"stage": "new"}
    typed = text.rpartition("*")[2]
    stage = session["stage"]
    if stage == "new" or not text:
        session["stage"] = "home"
        screen = HOME
    elif stage == "home" and typed == "1":
        session["stage"] = "amount"
        screen = AMOUNT
    elif stage == "home":
        screen = f"CON Invalid choice\n{HOME[4:]}"
    elif stage == "amount" and typed.isdigit():
        session["stage"], session["amount"] = "confirm", int(typed)
        screen = f"CON Contribute KES {typed}?\n1. Yes\n2. No"
    elif stage == "amount":
        screen = f"CON Invalid amount\n{AMOUNT[4:]}"
    elif stage == "confirm" and typed == "1":
        session["stage"] = "done"
        screen = f"END Thank you. You will be asked to pay KES {session['amount']}."
    else:
        session["stage"] = "done"
        screen = "END Nothing was done. Dial again any time."
    return json.dumps(session), screen
