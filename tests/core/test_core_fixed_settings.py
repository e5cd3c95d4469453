"""A database of one country is not gone on with as another's."""

import pytest
from sqlalchemy import select

from core.database import Sessions
from core.fixed_settings import FixedSetting, settings_unlike
from core.settings import Settings, load_settings
from tests.core.test_core_settings import GOOD

HOME = {"fund_region": "KE", "fund_currency": "KES", "fund_zone": "Africa/Nairobi"}


def of(**changed: str) -> Settings:
    return load_settings(_env_file=None, **GOOD | HOME | changed)


def kept(sessions: Sessions) -> dict[str, str]:
    with sessions() as session:
        return {row.name: row.value for row in session.scalars(select(FixedSetting))}


def test_what_the_data_began_with_fits_for_ever(sessions: Sessions) -> None:
    for _ in range(2):
        with sessions.begin() as session:
            assert settings_unlike(session, of(fund_name="Another Name")) == []
    assert kept(sessions) == {name.upper(): value for name, value in HOME.items()}


@pytest.mark.parametrize(
    ("changed", "unlike"),
    [
        ({"fund_region": "UG", "fund_currency": "UGX"}, ["FUND_CURRENCY=KES", "FUND_REGION=KE"]),
        ({"fund_zone": "Africa/Kigali"}, ["FUND_ZONE=Africa/Nairobi"]),
    ],
)
def test_another_country_or_clock_is_named_and_nothing_is_kept_of_it(
    sessions: Sessions, changed: dict[str, str], unlike: list[str]
) -> None:
    with sessions.begin() as session:
        settings_unlike(session, of())
    before = kept(sessions)
    with sessions.begin() as session:
        assert settings_unlike(session, of(**changed)) == unlike
    assert kept(sessions) == before
