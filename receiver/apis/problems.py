"""How does a failure read to a client of our own APIs? As a problem document: https://www.rfc-editor.org/rfc/rfc9457

`title` says in general, `detail` in particular what is wrong; a program looks at `status` and at `code`.
"""

from http import HTTPStatus

import orjson

from config.statuses import phrase_of
from consent.errors import ConsentError, Throttled
from receiver.codecs.codec import Reply

MEDIA_TYPE = "application/problem+json"
CHALLENGE = 'Basic realm="consent-relay", charset="UTF-8"'
_COME_AGAIN_S = 5


def refuse(error: ConsentError, path: str) -> Reply:
    problem = {
        "type": "about:blank",
        "title": phrase_of(error.status),
        "status": error.status,
        "code": error.reason,
        "detail": str(error),
    }
    return Reply(
        status=error.status,
        body=orjson.dumps(problem),
        content_type=MEDIA_TYPE,
        headers=(("WWW-Authenticate", CHALLENGE),) if error.status == HTTPStatus.UNAUTHORIZED else (),
        retry_after=_retry_after(error),
    )


def _retry_after(error: ConsentError) -> int | None:
    if isinstance(error, Throttled):
        return error.retry_after
    return _COME_AGAIN_S if error.retryable else None
