"""The WSGI entry: `granian --interface wsgi wsgi:app`."""

import gc

# Until the process stands, all that is loaded stays: the collector would look through it in vain.
gc.disable()

from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from core.logging import configure_logging
from core.settings import load_settings
from ussd_app.application import create_app
from ussd_app.bootstrap import build

configure_logging("web")
services = build(load_settings())
# Without a database yet, the first call does it.
with suppress(SQLAlchemyError):
    services.host.keep_menus()
app = create_app(services)
# And afterwards it need not be looked at either.
gc.collect()
gc.freeze()
# What a hop makes is gone with it, without the collector: it need not look after every seven hundred objects.
gc.set_threshold(10_000, 10, 10)
gc.enable()
