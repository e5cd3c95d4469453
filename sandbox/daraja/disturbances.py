"""How a fault shows in the answer to a Daraja request."""

import time

from sandbox.daraja.errors import busy, by_code
from sandbox.faults import Fault


def before(fault: Fault, *, slow: bool = False) -> None:
    """Refuses, or with `slow` delays, a request before anything is done about it."""
    if slow and fault.delay_s:
        time.sleep(fault.delay_s)
    if fault.outage:
        raise busy(503)
    if fault.http_status:
        raise busy(fault.http_status)
    if fault.error_code:
        raise by_code(fault.error_code)


def after(fault: Fault) -> None:
    """Holds back the answer to work already done until the caller has long given up."""
    if fault.accept_then_timeout:
        time.sleep(fault.accept_then_timeout)
        raise busy(504)
