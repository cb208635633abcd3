"""Which ways there are to fail, and whose fault each one is.

    ConsentError
    ├── Refused            the sender's: the request must change, repeating it cannot help   400
    │   ├── Unauthorised   no account has this key and secret                               401
    │   ├── Unverified     the signature is missing, wrong or too old                       403
    │   ├── NoSuchSource   nobody registered this webhook URL                               404
    │   ├── NoSuchCampaign the account has no campaign of this id                           404
    │   ├── Gone           the log is no longer kept that far back                          410
    │   └── TooLarge       more bytes, depth or parts than we read                          413
    ├── Throttled          the caller's: too many wrong credentials; wait                    429
    ├── StoreUnavailable   ours, for now: the store cannot promise; the same request will do 503
    │   └── StoreUnsafe    the store answers, but would lose what we promise to keep         503
    └── Misconfigured      the operator's: the message names the key and the remedy          500

The edge asks an error for its `status`, `reason` and `retryable`; it never asks which class it has. Where one provider
or published API has a way of its own to fail, its class stands beside the citation of that way, and derives from one of
these: receiver/codecs/vonage_messages.py, receiver/apis/*/errors.py.
"""

from typing import ClassVar


class ConsentError(Exception):
    """The root: something that the caller cannot continue from."""

    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    reason: ClassVar[str] = "error"


class Refused(ConsentError):
    """The sender must change the request; repeating it cannot help."""

    status = 400
    reason = "malformed"


class Unauthorised(Refused):
    """No account has this API key and secret: compare them with `consent-relay account list`."""

    status = 401
    reason = "unauthorised"


class Unverified(Refused):
    """The request does not prove that it is the provider's: check the signature secret, its method and the clock."""

    status = 403
    reason = "unverified"


class NoSuchSource(Refused):
    """No source has this token: copy the webhook URL again from `consent-relay source list`."""

    status = 404
    reason = "unknown_token"


class NoSuchCampaign(Refused):
    """The account has no campaign of this id: `consent-relay campaign list` shows those it has."""

    status = 404
    reason = "unknown_campaign"


class Gone(Refused):
    """Events that come after this cursor were removed, as `store.retention` says: begin again from what is kept."""

    status = 410
    reason = "gone"


class TooLarge(Refused):
    """The request is larger than `receiver.max_body`, or holds more than a provider ever sends."""

    status = 413
    reason = "too_large"


class Throttled(ConsentError):
    """Too many wrong credentials came from this address, or for this key: wait `retry_after` seconds."""

    status = 429
    retryable = True
    reason = "throttled"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreUnavailable(ConsentError):
    """The store cannot promise to keep this now; send the same again later."""

    status = 503
    retryable = True
    reason = "store_unavailable"


class StoreUnsafe(StoreUnavailable):
    """The store answers, but its settings would lose what we promise to keep: `consent-relay doctor` says which."""

    reason = "store_unsafe"


class Misconfigured(ConsentError):
    """The operator must change the configuration; the message names the key and what was expected."""

    reason = "misconfigured"
