"""A stubbed Daraja for tests of the wire."""

from collections.abc import Iterator

import pytest

from tests.payments.wallets.mpesa_stubs import Daraja, daraja


@pytest.fixture(name="daraja")
def daraja_fixture() -> Iterator[Daraja]:
    with daraja() as stub:
        yield stub
