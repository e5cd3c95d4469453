"""The forms of national identity numbers, by country, as data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from core.errors import InvalidValue
from core.yaml_text import read_yaml


@dataclass(frozen=True, slots=True)
class IdForm:
    """One country's form. `kind` is what its people call it: `national_id`, `nin`, `nid`."""

    kind: str
    pattern: str
    drops_leading_zeros: bool

    def read(self, plain: str) -> str | None:
        """The number in the form in which it is kept; None when it is not of this form."""
        number = plain.lstrip("0") if self.drops_leading_zeros else plain
        return number if re.fullmatch(self.pattern, number) else None


@cache
def id_forms() -> Mapping[str, IdForm]:
    """Every form, by country (ISO 3166, two letters)."""
    written = read_yaml(resources.files("members").joinpath("id_forms.yaml").read_text(encoding="utf-8"))
    return {
        country: IdForm(form["kind"], form["pattern"], form["leading_zeros"] == "dropped")
        for country, form in written.items()
    }


def id_form_of(country: str) -> IdForm:
    """The form of a country. Raises InvalidValue when nobody has written it down."""
    form = id_forms().get(country.upper())
    if form is None:
        raise InvalidValue(f"the form of identity numbers in {country!r} is not known")
    return form
