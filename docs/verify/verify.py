"""A listener for consent-relay's notifications. Needs Python 3.9 or newer and nothing else.

WEBHOOK_SECRET=whsec_... PORT=9000 python3 verify.py
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_S = 5 * 60
LARGEST = 1024 * 1024
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{22,88}={0,2}")


class Untrusted(Exception):
    """Not from consent-relay, changed on the way, or too old."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> None:
    """`body` is what came over the wire, byte for byte: never JSON that was parsed and written again."""
    message, sent, signatures = (headers.get(f"webhook-{name}") or "" for name in ("id", "timestamp", "signature"))
    if not message or not (sent.isascii() and sent.isdigit() and len(sent) < 12):
        raise Untrusted("headers are missing")
    if abs(now - int(sent)) > TOLERANCE_S:
        raise Untrusted("too old, or our clock is wrong")

    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message}.{sent}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # There are several while a secret is being changed: one of them has to be right.
    for each in signatures.split(" "):
        version, _, signature = each.partition(",")
        if version == "v1" and hmac.compare_digest(signature.encode(), expected):
            return
    raise Untrusted("no signature is right")


class Listener(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(min(length, LARGEST))
        try:
            verify(os.environ["WEBHOOK_SECRET"], self.headers, body, time.time())
        except Untrusted as refused:
            sys.stderr.write(f"refused: {refused}\n")
            self.answer(401)
            return
        # The same webhook-id may come again. Keep it in the same transaction as what you do here, and skip one that
        # you have. Answer 2xx only when that is on disk.
        event = json.loads(body)
        sys.stderr.write(f"{self.headers['webhook-id']} {event['type']}\n")
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()


if __name__ == "__main__":
    if not SECRET.fullmatch(os.environ.get("WEBHOOK_SECRET", "")):  # an empty key is one that anybody can sign with
        sys.exit("WEBHOOK_SECRET: expected the secret of your endpoint, whsec_...")
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Listener).serve_forever()
