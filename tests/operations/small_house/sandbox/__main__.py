"""A sandbox that only says that it is alive."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Alive(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Alive).serve_forever()
