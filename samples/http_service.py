"""Classify images over HTTP: ``python http_service.py model.tflite [PORT]``; for this machine only, unless --public.

``--public-key KEY`` accepts only a model that was signed with that key.
curl --data-binary @digit.png http://localhost:8000/classify?top_k=3
http://localhost:8000/ is a page to draw on: drawing_page.html beside this file.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import edgekit_runtime
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.printable_text import filter_streams

LARGEST_BODY_BYTES = 10_000_000
PAGE = Path(__file__).with_name("drawing_page.html")
PLACES = "There is GET / with a page to draw on, GET /health and POST /classify."


def number(text):
    """A number of at most nine digits, None for any other text: Python reads other scripts' digits as well."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def page_policy(page):
    """A content security policy that lets a page run its own script and style only, by their digests."""
    sources = {}
    for tag in ("script", "style"):
        found = re.findall(f"<{tag}>(.*?)</{tag}>".encode(), page, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(text).digest()).decode() for text in found]
        sources[tag] = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; connect-src 'self'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class Handler(BaseHTTPRequestHandler):
    """Answers with JSON, errors included."""

    # Seconds that a client may be silent, so that none holds a thread for ever.
    timeout = 20
    model = None
    # Read once; nothing else of the folder is ever sent.
    page = b""

    def do_GET(self):
        """Say that the service is up, and what it runs; or give the page to draw on."""
        path = urlsplit(self.path).path
        if path == "/" and self.page:
            policy = {"Content-Security-Policy": page_policy(self.page), "X-Content-Type-Options": "nosniff"}
            return self.send(200, "text/html; charset=utf-8", self.page, policy)
        if path != "/health":
            return self.answer(404, {"error": PLACES})
        return self.answer(200, {"status": "ok", "interpreter": self.model.interpreter, "labels": self.model.labels})

    def do_POST(self):
        """Classify the image in the body."""
        url = urlsplit(self.path)
        if url.path != "/classify":
            return self.answer(404, {"error": PLACES})
        header = self.headers.get("Content-Length")
        if header is None:
            return self.answer(411, {"error": "Send the image as the body, with its Content-Length."})
        length = number(header)
        if length is None:
            return self.answer(400, {"error": "Content-Length is a number of at most nine digits."})
        if length > LARGEST_BODY_BYTES:
            return self.answer(413, {"error": f"The image may have {LARGEST_BODY_BYTES:,} bytes at most."})
        try:
            top = number(parse_qs(url.query, max_num_fields=10).get("top_k", ["1"])[0])
        except ValueError:
            top = None
        if top is None or not 1 <= top <= 100:
            return self.answer(400, {"error": "top_k is a number from 1 to 100."})
        try:
            # The model may be asked from several threads at once.
            answers = self.model.classify(self.rfile.read(length), top)
        except EdgekitError as error:
            return self.answer(400, {"error": error.problem})
        return self.answer(200, answers[0].to_dict())

    def answer(self, status, content):
        """Send JSON; after an error the connection is closed, since its body may not have been read."""
        self.send(status, "application/json", json.dumps(content).encode() + b"\n", {})

    def send(self, status, kind, body, headers):
        """Send a body of a media type."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("model")
    parser.add_argument("port", type=int, nargs="?", default=8000)
    parser.add_argument("--public", action="store_true", help="answer other machines, too")
    parser.add_argument("--public-key", help="PEM file of the key that the model has to be signed with")
    options = parser.parse_args()
    # The log holds what clients send, and a terminal would obey it.
    filter_streams()
    Handler.model = edgekit_runtime.load(options.model, public_key=options.public_key, watch=True)
    if PAGE.is_file():
        Handler.page = PAGE.read_bytes()
    server = ThreadingHTTPServer(("" if options.public else "127.0.0.1", options.port), Handler)
    print(f"Listening on port {server.server_port}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
