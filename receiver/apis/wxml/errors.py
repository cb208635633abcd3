"""What is a failure called? The documented E-codes that can occur here, with their texts.

Clients tell failures apart by the code; the texts differ between the document's own table and its examples, and where
an example shows one, it is the example's.
https://github.com/cosmosking2050/API  (1.3/CONTENTS/APPENDIX/APPENDIX_B.md, 1.3/CONTENTS/METHODS)
"""

from dataclasses import dataclass

from consent.errors import ConsentError, Refused, Throttled


@dataclass(frozen=True, slots=True)
class Failure:
    code: str
    info: str


INVALID_REQUEST = Failure(
    "E100", "Invalid request. Make a valid request via GET/POST/XML with all the required variables."
)
ACTION_MISSING = Failure("E101", "'action' required")
ACTION_UNKNOWN = Failure("E101", "Invalid Action.")
KEY_MISSING = Failure("E102", "'api_key' required")
NOT_AUTHENTICATED = Failure("E104", "User Authentication Failed.")
NOT_SERVED = Failure(
    "E107",
    "This account has no rights to use this action. Only subscribe and unsubscribe are answered here.",
)
INVALID_NUMBER = Failure("E110", "Invalid receiver number.")
INTERNAL = Failure("E503", "Internal error.")
MOBILE_MISSING = Failure("E901", "The 'mobile' is required.")
CAMPAIGN_MISSING = Failure("E902", "The 'campaignid' is required.")
CAMPAIGN_UNKNOWN = Failure("E903", "Invalid CAMPAIGNID")
NOT_SUBSCRIBED = Failure("E904", "Could not subscribe this number.")
NOT_UNSUBSCRIBED = Failure("E905", "Could not unsubscribe this number.")


def too_often(seconds: int) -> Failure:
    return Failure("E106", f"You can call API every {seconds} seconds.")


def not_xml(reason: str) -> Failure:
    return Failure("E108", f"XML Parse error: {reason}.")


class Rejected(Refused):
    """The call cannot be done as it is; its failure says why, in the provider's words."""

    reason = "rejected"

    def __init__(self, failure: Failure) -> None:
        # The code alone, for that is logged; the text of a parse error quotes what was sent.
        super().__init__(failure.code)
        self.failure = failure


_BY_REASON = {
    "malformed": INVALID_REQUEST,
    "too_large": INVALID_REQUEST,
    "unauthorised": NOT_AUTHENTICATED,
}


def failure_of(error: ConsentError) -> Failure:
    match error:
        case Rejected(failure=failure):
            return failure
        case Throttled(retry_after=seconds):
            return too_often(seconds)
    return _BY_REASON.get(error.reason, INTERNAL)
