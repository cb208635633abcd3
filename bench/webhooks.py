"""What a provider posts all day, as whole HTTP requests: each of a new number, so that each one decides something."""

import time
from urllib.parse import quote_plus

from bench.installation import SIGNATURE_SECRET, TOKENS
from consent.model import UnixMs
from consent.postback import Postback, encode
from receiver import signature

_YESTERDAY_S = int(time.time()) - 86_400


def nexmo_posts(count: int, run: int) -> list[bytes]:
    """Signed inbound texts, STOP and START in turn."""
    now = int(time.time())
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
    posts = []
    for n in range(count):
        fields = {
            "msisdn": f"1{run % 9 + 2}{n:09}",
            "to": "123456",
            "messageId": f"0A{run:04X}{n:010X}",
            "text": "STOP" if n % 2 else "START",
            "type": "text",
            "keyword": "STOP" if n % 2 else "START",
            "message-timestamp": stamp,
            "timestamp": str(now),
            "nonce": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        }
        fields["sig"] = signature.sign(fields, secret=SIGNATURE_SECRET, method="md5hash")
        body = "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items()).encode()
        posts.append(_post(TOKENS["nexmo"], b"application/x-www-form-urlencoded", body))
    return posts


def skycore_posts(count: int, run: int) -> list[bytes]:
    """POSTBACKs of nine elements, N302 and N301 in turn."""
    at = UnixMs((_YESTERDAY_S + run % 5000 * 10) * 1000)  # later in each run, so that none says what another one said
    posts = []
    for n in range(count):
        postback = Postback(
            code="N302" if n % 2 else "N301",
            msisdn=f"1{run % 9 + 2}{n:09}",
            campaign="1116",
            timestamp=at,
            short_code="123456",
            title="My Campaign Name",
            brand="My Brand Name",
            source="MO",
        )
        posts.append(_post(TOKENS["skycore"], b"text/xml", encode(postback)))
    return posts


WORKLOADS = {"nexmo": nexmo_posts, "skycore": skycore_posts}


def _post(token: str, content_type: bytes, body: bytes) -> bytes:
    return (
        b"POST /hooks/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (token.encode(), content_type, len(body), body)
    )
