"""Whether keys and country of the settings are those that the data of this house were written with."""

from collections.abc import Callable

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.database import make_engine, make_sessions
from core.fixed_settings import settings_unlike
from core.key_proofs import keys_unlike
from core.sealing_key import RetiredKeyError
from core.settings import Settings
from operations.trouble import TroubleError


def check_belonging(settings: Settings) -> None:
    """Raises TroubleError naming each that is not. The database is at its newest migration."""
    _check(settings, refuse_other_keys, refuse_another_country)


def check_keys(settings: Settings) -> None:
    """As `check_belonging`, of the keys alone."""
    _check(settings, refuse_other_keys)


def _check(settings: Settings, *refusals: Callable[[Session, Settings], None]) -> None:
    engine = make_engine(settings.database_url.get_secret_value(), settings.vault(), pooled=False)
    try:
        with make_sessions(engine).begin() as session:
            for refuse in refusals:
                refuse(session, settings)
    except OperationalError as error:
        if isinstance(error.orig, RetiredKeyError):
            raise TroubleError(str(error.orig)) from error
        raise
    finally:
        engine.dispose()


def refuse_other_keys(session: Session, settings: Settings) -> None:
    """Raises TroubleError naming each that is not; the proof of a key that is new here is left behind."""
    unlike = keys_unlike(session, settings.vault(), settings.pin_pepper.get_secret_value().encode())
    if unlike:
        raise TroubleError(
            f"the database was written with another {' and another '.join(unlike)}: put that back, or "
            "members and their PINs are not found"
        )


def refuse_another_country(session: Session, settings: Settings) -> None:
    """Raises TroubleError naming each setting as it was."""
    unlike = settings_unlike(session, settings)
    if unlike:
        raise TroubleError(
            f"the database was written with {' and '.join(unlike)}: put that back, or begin another database"
        )
