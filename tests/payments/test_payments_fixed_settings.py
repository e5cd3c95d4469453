"""A database of one country is not gone on with as another's."""

import pytest
from sqlalchemy import select

from core.fixed_settings import FixedSetting, keep_settings, settings_unlike
from core.phone import PhoneNumber
from core.settings import Settings, load_settings
from tests.core.test_core_settings import GOOD
from tests.payments.world import World

HOME = {"fund_region": "KE", "fund_currency": "KES", "fund_zone": "Africa/Nairobi"}
ABROAD = {"fund_region": "UG", "fund_currency": "UGX", "fund_zone": "Africa/Kampala"}
AS_AT_HOME = ["FUND_CURRENCY=KES", "FUND_REGION=KE", "FUND_ZONE=Africa/Nairobi"]


def of(**changed: str) -> Settings:
    return load_settings(_env_file=None, **GOOD | HOME | changed)


def unlike(world: World, settings: Settings) -> list[str]:
    with world.sessions.begin() as session:
        return settings_unlike(session, settings)


def keep(world: World, settings: Settings) -> dict[str, str]:
    """What is kept then."""
    with world.sessions.begin() as session:
        keep_settings(session, settings)
    with world.sessions() as session:
        return {row.name.lower(): row.value for row in session.scalars(select(FixedSetting))}


def test_what_the_data_began_with_fits_for_ever_and_nothing_else(world: World) -> None:
    world.member()
    for _ in range(2):
        assert keep(world, of(fund_name="Another Name")) == HOME
        assert unlike(world, of(fund_name="A Third Name")) == []
    assert unlike(world, of(**ABROAD)) == AS_AT_HOME
    assert unlike(world, of(fund_zone="Africa/Kigali")) == ["FUND_ZONE=Africa/Nairobi"]
    assert keep(world, of(**ABROAD)) == HOME


def test_until_somebody_joins_a_house_may_be_of_any_country(world: World) -> None:
    assert keep(world, of(**ABROAD)) == ABROAD
    assert unlike(world, of()) == []
    assert keep(world, of()) == HOME
    world.member()
    assert unlike(world, of(**ABROAD)) == AS_AT_HOME


def test_of_data_older_than_what_is_kept_the_money_tells(world: World) -> None:
    member = world.member()
    assert unlike(world, of(**ABROAD)) == []
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=1)
    assert unlike(world, of(**ABROAD)) == ["FUND_CURRENCY=KES"]
    assert unlike(world, of()) == []


@pytest.mark.parametrize("missing", ["FUND_ZONE", "FUND_REGION"])
def test_what_is_not_kept_yet_is_added(world: World, missing: str) -> None:
    world.member()
    keep(world, of())
    with world.sessions.begin() as session:
        session.delete(session.get_one(FixedSetting, missing))
    assert keep(world, of()) == HOME
