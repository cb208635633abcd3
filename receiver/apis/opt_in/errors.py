"""What is a failure called? The documented statuses, in the envelope that the SMS API has for them.

The reference lists the statuses but shows no failure of this API, so the envelope and the HTTP status are our choice:
the status is one at which every published client raises (docs/adr/0011-opt-in-errors.md).
https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
"""

from dataclasses import dataclass

import orjson

from consent.errors import ConsentError, Refused, Throttled
from receiver.apis.opt_in.bodies import JSON, XML, attribute, form_of
from receiver.codecs.codec import Reply

RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    """The documented one, in the envelope."""
    text: str
    http: int = 400


MISSING_KEY = Problem(2, "Missing api_key param", 401)
MISSING_SECRET = Problem(2, "Missing api_secret or sig param", 401)
MISSING_MSISDN = Problem(2, "Missing msisdn param")
INVALID_PAGE = Problem(3, "Invalid value for page param")
INVALID_PAGE_SIZE = Problem(3, "Invalid value for page-size param")
SIGNATURE_AND_SECRET = Problem(32, "Signature and API secret disallowed")
NO_CAMPAIGN = Problem(101, "Invalid Account for Campaign")
UNKNOWN_CAMPAIGN = Problem(102, "Invalid Campaign Short Code")
INVALID_MSISDN = Problem(103, "Invalid msisdn")


class Rejected(Refused):
    """The call is understood, and cannot be done as it is: its problem says why, in the provider's words."""

    reason = "rejected"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


_BY_REASON = {
    "malformed": Problem(3, "Invalid params"),
    "too_large": Problem(3, "Invalid params: the request is too large", 413),
    "unauthorised": Problem(4, "Bad Credentials", 401),
    "unverified": Problem(14, "Invalid Signature", 401),
    "store_unavailable": Problem(5, "Server Error", 503),
    "store_unsafe": Problem(5, "Server Error", 503),
}
_FAULT = Problem(5, "Server Error", 500)
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="opt-in", charset="UTF-8"')
"""https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1"""


def refuse(error: ConsentError, path: str) -> Reply:
    problem, wait = _problem(error), _wait(error)
    content_type, write = _ENVELOPES[form_of(path)]
    return Reply(
        status=problem.http,
        body=write(problem),
        content_type=content_type,
        headers=(_CHALLENGE,) if problem.http == 401 else (),
        retry_after=wait,
    )


def _problem(error: ConsentError) -> Problem:
    match error:
        case Rejected(problem=problem):
            return problem
        case Throttled(retry_after=seconds):
            # A published client reads the milliseconds between the brackets, and waits so long.
            return Problem(1, f"Throughput Rate Exceeded - please wait [ {seconds * 1000} ] and retry", 429)
    return _BY_REASON.get(error.reason, _FAULT)


def _wait(error: ConsentError) -> int | None:
    if isinstance(error, Throttled):
        return error.retry_after
    return RETRY_AFTER_S if error.retryable else None


def _json(problem: Problem) -> bytes:
    message = {"status": str(problem.status), "error-text": problem.text}
    return orjson.dumps({"message-count": "1", "messages": [message]})


def _xml(problem: Problem) -> bytes:
    """As the reference writes it: single quotes in the declaration, elements where the answers have attributes."""
    return (
        "<?xml version='1.0' encoding='UTF-8' ?>\n"
        "<mt-submission-response><messages count='1'><message>"
        f"<status>{problem.status}</status><errorText>{attribute(problem.text)}</errorText>"
        "</message></messages></mt-submission-response>"
    ).encode()


_ENVELOPES = {"json": (JSON, _json), "xml": (XML, _xml)}
