"""What does the answer say? RESPONSE, as documented: HTTP 200 for what succeeded and what failed, for clients look at
the body alone; but 503 while the store is away, for what stands between them and us looks at the status.

Never under an XML media type: a published client then cannot read it. https://github.com/tatango/skycore
"""

from html import escape

from consent.errors import ConsentError
from receiver.apis.wxml.errors import Failure, failure_of
from receiver.apis.wxml.request import LONGEST, Request
from receiver.codecs.codec import Reply

CONTENT_TYPE = "text/html; charset=UTF-8"
RETRY_AFTER_S = 5


def success(request: Request) -> Reply:
    """What was asked for comes back as it was sent, so that the client finds it again."""
    subscriber = {"SUBSCRIBERREF": request.subscriber} if request.subscriber else {}
    return _reply(
        {"STATUS": "Success", request.campaign_name: request.campaign, "MOBILE": request.mobile[:LONGEST], **subscriber}
    )


def failed(failure: Failure) -> Reply:
    return _reply({"STATUS": "Failure", "ERRORCODE": failure.code, "ERRORINFO": failure.info})


def refuse(error: ConsentError, _path: str) -> Reply:
    reply = failed(failure_of(error))
    if error.status < 500:
        wait = getattr(error, "retry_after", None)
        return Reply(status=200, body=reply.body, content_type=CONTENT_TYPE, retry_after=wait)
    return Reply(
        status=error.status,
        body=reply.body,
        content_type=CONTENT_TYPE,
        retry_after=RETRY_AFTER_S if error.retryable else None,
    )


def _reply(elements: dict[str, str]) -> Reply:
    inside = "".join(f"<{name}>{_escaped(text)}</{name}>" for name, text in elements.items())
    return Reply(status=200, body=f"<RESPONSE>{inside}</RESPONSE>".encode(), content_type=CONTENT_TYPE)


def _escaped(text: str) -> str:
    """XML cannot carry control characters, not even escaped."""
    return escape("".join(filter(str.isprintable, text)), quote=False)
