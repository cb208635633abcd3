"""Which secrets does an endpoint sign with from now on? After a rotation, and after the file was applied. Pure.

A rotation outlives the file that still names the secret it replaced: only a file whose secret was changed since it was
applied last says anything new.
"""

from dataclasses import replace
from hashlib import sha256

from consent.model import Endpoint, Millis, RetiringSecret, UnixMs
from console.refusals import Taken

MOST_SECRETS = 10
"""Each makes the header longer and every attempt slower."""


def rotated(endpoint: Endpoint, new_secret: str, *, now: UnixMs, grace: Millis) -> Endpoint:
    """The new one signs from now on, the others until the grace ends, or sooner where they were to end sooner."""
    end = UnixMs(now + grace)
    retiring = (
        *(replace(secret, until=min(secret.until, end)) for secret in endpoint.retiring),
        *(RetiringSecret(value=secret, until=end) for secret in endpoint.secrets),
    )
    still_active = tuple(secret for secret in retiring if secret.until > now)
    if len(still_active) >= MOST_SECRETS:
        raise Taken(
            f"{endpoint.id} signs with {len(still_active)} secrets already, and may with {MOST_SECRETS}: "
            "wait until one ends (`endpoint show` says when), or end them all at once with a grace of 0s"
        )
    return replace(
        endpoint,
        secrets=(new_secret,),
        retiring=still_active,
        declared_secret=endpoint.declared_secret or "".join(map(digest, endpoint.secrets[:1])),
    )


def mark(endpoint: Endpoint) -> str:
    """Which secret signs, and nothing of it. Who asks for a rotation twice, by loading a page again, names the same."""
    return digest(" ".join(endpoint.secrets))[:16]


def reconciled(declared: Endpoint, known: Endpoint) -> Endpoint:
    """What the file says, with the secrets that hold. One that was changed in the file replaces all others at once."""
    if not declared.secrets:
        return _keeping(known, declared, known.declared_secret)
    (secret,) = declared.secrets
    is_known = secret in {*known.secrets, *(retiring.value for retiring in known.retiring)}
    if is_known or digest(secret) == known.declared_secret:
        return _keeping(known, declared, digest(secret))
    return replace(declared, declared_secret=digest(secret))


def digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _keeping(known: Endpoint, declared: Endpoint, declared_secret: str) -> Endpoint:
    return replace(declared, secrets=known.secrets, retiring=known.retiring, declared_secret=declared_secret)
