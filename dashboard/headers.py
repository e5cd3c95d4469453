"""Security headers of every dashboard answer."""

from flask import Response, request

from dashboard.services import services

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Our own pages get the address they were reached from (CSRF checks it over https), others nothing.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TWO_YEARS_SECONDS = 63_072_000


def secure(response: Response) -> Response:
    """Set the headers; pages are kept nowhere, since they show what members own."""
    response.headers.extend(_HEADERS)
    if services().is_https:
        response.headers["Strict-Transport-Security"] = f"max-age={_TWO_YEARS_SECONDS}; includeSubDomains"
    if request.endpoint != "dashboard.static":
        response.headers["Cache-Control"] = "no-store"
    return response
