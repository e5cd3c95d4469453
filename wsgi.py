"""The WSGI entry: `granian --interface wsgi wsgi:app`."""

import gc
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
# What is loaded by now stays for good: the collector need not look at it again and again.
gc.collect()
gc.freeze()
