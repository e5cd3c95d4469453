"""Whether the keys of the settings are those that the data of this house were written with."""

from core.database import make_engine, make_sessions
from core.key_proofs import keys_unlike
from core.settings import Settings
from operations.trouble import TroubleError


def check_keys(settings: Settings) -> None:
    """Raises TroubleError naming each that is not. The database is at its newest migration."""
    vault = settings.vault()
    engine = make_engine(settings.database_url.get_secret_value(), vault, pooled=False)
    with make_sessions(engine).begin() as session:
        unlike = keys_unlike(session, vault, settings.pin_pepper.get_secret_value().encode())
    engine.dispose()
    if unlike:
        raise TroubleError(
            f"the database was written with another {' and another '.join(unlike)}: put that back, or "
            "members and their PINs are not found"
        )
