"""Classify images over HTTP: ``python http_service.py model.tflite [PORT]``; for this machine only, unless --public.

curl --data-binary @digit.png http://localhost:8000/classify?top=3
"""

import contextlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import edgekit_runtime
from edgekit_runtime.errors import EdgekitError

LARGEST_BODY_BYTES = 10_000_000


class Handler(BaseHTTPRequestHandler):
    """Answers with JSON, errors included."""

    # Seconds that a client may be silent, so that none holds a thread for ever.
    timeout = 20
    model = None

    def do_GET(self):
        """Say that the service is up, and what it runs."""
        if urlsplit(self.path).path != "/health":
            return self.answer(404, {"error": "There is GET /health and POST /classify."})
        return self.answer(200, {"status": "ok", "interpreter": self.model.interpreter, "labels": self.model.labels})

    def do_POST(self):
        """Classify the image in the body."""
        url = urlsplit(self.path)
        if url.path != "/classify":
            return self.answer(404, {"error": "There is GET /health and POST /classify."})
        length, top = self.headers.get("Content-Length", ""), parse_qs(url.query).get("top", ["1"])[0]
        if not length.isdecimal():
            return self.answer(411, {"error": "Send the image as the body, with its Content-Length."})
        if int(length) > LARGEST_BODY_BYTES:
            return self.answer(413, {"error": f"The image may have {LARGEST_BODY_BYTES:,} bytes at most."})
        if not top.isdecimal() or not 1 <= int(top) <= 100:
            return self.answer(400, {"error": "top is a number from 1 to 100."})
        try:
            # The model may be asked from several threads at once.
            answers = self.model.classify(self.rfile.read(int(length)), int(top))
        except EdgekitError as error:
            return self.answer(400, {"error": error.problem})
        return self.answer(200, answers[0].to_dict())

    def answer(self, status, content):
        """Send JSON; after an error the connection is closed, since its body may not have been read."""
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--public"]
    Handler.model = edgekit_runtime.load(arguments[0])
    address = "" if "--public" in sys.argv else "127.0.0.1"
    server = ThreadingHTTPServer((address, int(arguments[1]) if len(arguments) > 1 else 8000), Handler)
    print(f"Listening on port {server.server_port}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
