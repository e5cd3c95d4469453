"""Staff accounts, for the administrator."""

from flask import Blueprint, render_template
from sqlalchemy import select

from dashboard.access import ADMINS, allow
from dashboard.services import services
from dashboard.staff.tables import Staff

routes = Blueprint("people_at_the_fund", __name__, url_prefix="/staff")


@routes.get("/")
@allow(ADMINS)
def index() -> str:
    """Every account, active ones first."""
    with services().sessions() as database:
        people = database.scalars(select(Staff).order_by(Staff.active.desc(), Staff.name, Staff.id)).all()
    return render_template("dashboard/people.html", people=people)
