"""Peer: anysd, as its README builds it: a navigation tree, a form with a validator, a Flask view."""

from typing import Any

# It is installed in the environment of this peer only.
from anysd import FormFlow, NavigationController, NavigationMenu  # type: ignore[import-not-found]
from flask import Flask, Response, request

QUESTIONS = {
    "1": {"name": "AMOUNT", "menu": "CON Enter the amount in shillings"},
    "2": {"name": "CONFIRM", "menu": "CON Contribute KES {AMOUNT}?\n1. Yes\n2. No"},
    "3": {"name": "DONE", "menu": "END Thank you. You will be asked to pay KES {AMOUNT}."},
}


def is_valid(current_step: int, last_input: str, **_more: Any) -> tuple[bool, None]:
    return current_step != 1 or last_input.isdigit(), None


home = NavigationMenu(name="Home", title="Haba Fund: little by little", show_title=True)
form = FormFlow(form_questions=QUESTIONS, step_validator=is_valid)
NavigationMenu(name="contribute", title="Contribute", parent=home, next_form=form)
NavigationMenu(name="balance", title="My balance", parent=home, next_form=form)

app = Flask(__name__)


@app.post("/ussd")
def ussd() -> Response:
    values = request.form
    controller = NavigationController(home, values["phoneNumber"], values["sessionId"], values["text"])
    return Response(controller.navigate(), mimetype="text/plain")
