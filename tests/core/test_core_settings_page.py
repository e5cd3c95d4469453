"""Every setting is told of where operators look, with the default that the code has."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from core.settings import BadSettings, Settings, load_settings
from tests.core.test_core_settings import GOOD

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
ROWS = {
    name: [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| `")
    for name in re.findall(r"`([A-Z0-9_]+)`", line.split("|")[1])
}
FROM_ELSEWHERE = {"KIBABA_STATE", "KIBABA_STAFF_PASSWORD", "PROMETHEUS_MULTIPROC_DIR"}


def test_every_setting_is_on_the_page_and_no_other() -> None:
    assert {name.upper() for name in Settings.model_fields} | FROM_ELSEWHERE == set(ROWS)


def test_the_page_tells_the_room_of_a_screen_that_the_code_allows() -> None:
    (told,) = re.findall(r"(\d+) to (\d+)", ROWS["USSD_SCREEN_SEPTETS"][2])
    least, most = map(int, told)
    for room in range(least - 5, most + 5):
        try:
            load_settings(_env_file=None, **GOOD | {"ussd_screen_septets": room})
        except BadSettings:
            assert not least <= room <= most
        else:
            assert least <= room <= most


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_page_tells_the_default(name: str) -> None:
    field, told = Settings.model_fields[name], ROWS[name.upper()][1]
    default = field.get_default(call_default_factory=True)
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default is PydanticUndefined:
        assert told == "needed"
    elif isinstance(default, bool):
        assert told == f"`{str(default).lower()}`"
    elif default in ("", None, [], (), {}):
        assert told.split(",")[0] in {"none", "needed with it", "theirs", "`{}`"}
    else:
        shown = f"{default:g}" if isinstance(default, float) else str(getattr(default, "value", default))
        assert shown in {part.strip(" `") for part in told.split(",")}
