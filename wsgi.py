"""The WSGI entry: `granian --interface wsgi wsgi:app`."""

from core.logging import configure_logging
from core.settings import load_settings
from ussd_app.application import create_app
from ussd_app.bootstrap import build

configure_logging("web")
app = create_app(build(load_settings()))
