"""Who may steer? The console's tokens, and the log-ins made with them. Kept as digests: the store tells nobody one.

A token is "crt_", its name, a dot, and 32 random bytes; so it is found by its name, and two never share one. A plain
digest is enough, for nobody guesses 32 random bytes. Scopes are words here; what they allow is the console's to say.
"""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from consent.ledger.keys import TOKENS, TOKENS_USED, session
from consent.ledger.store import Store
from consent.model import Millis, UnixMs

Random = Callable[[int], bytes]

PREFIX = "crt_"
_RANDOM_BYTES = 32
_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    name: str
    digest: str = field(repr=False)
    scopes: frozenset[str]
    created_at: UnixMs
    created_by: str
    used_on: UnixMs | None = None
    """The beginning of the day, in UTC, on which it was used last."""


class Tokens:
    def __init__(self, store: Store) -> None:
        self._redis = store.redis

    async def create(
        self, name: str, scopes: Iterable[str], *, by: str, now: UnixMs, random: Random
    ) -> tuple[Token, str] | None:
        """With the token itself, which nobody can be told again. None where the name is taken."""
        word = f"{PREFIX}{name}.{_written(random(_RANDOM_BYTES))}"
        token = Token(name=name, digest=digest(word), scopes=frozenset(scopes), created_at=now, created_by=by)
        is_new = await self._redis.hsetnx(TOKENS, name, _row(token))
        return (token, word) if is_new else None

    async def list(self) -> list[Token]:
        rows = await self._redis.hgetall(TOKENS)
        used = await self._redis.hgetall(TOKENS_USED)
        return sorted(
            (_token(name.decode(), row, used.get(name)) for name, row in rows.items()), key=lambda token: token.name
        )

    async def find(self, name: str) -> Token | None:
        row = await self._redis.hget(TOKENS, name)
        return _token(name, row, None) if row else None

    async def holder(self, word: str) -> Token | None:
        """Whose token it is. What is compared are digests, so how long that takes tells nothing of a token."""
        name, dot, _ = word.removeprefix(PREFIX).rpartition(".")
        token = await self.find(name) if dot and word.startswith(PREFIX) else None
        kept = token.digest if token else ""
        return token if hmac.compare_digest(kept.encode(), digest(word).encode()) else None

    async def used(self, name: str, now: UnixMs) -> None:
        """Beside the token, not in it: who was just revoked shall not come back because she was used."""
        await self._redis.hset(TOKENS_USED, name, now - now % _DAY_MS)

    async def revoke(self, name: str) -> bool:
        """Whether there was one. Its log-ins end with it."""
        was_there = bool(await self._redis.hdel(TOKENS, name))
        await self._redis.hdel(TOKENS_USED, name)
        return was_there


class Sessions:
    """Log-ins: for some hours a cookie stands for the token whose digest it was made with."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis

    async def begin(self, holder: str, *, lasts: Millis, random: Random) -> str:
        """What to put into the cookie. `holder`: whatever the caller knows the token by."""
        word = _written(random(_RANDOM_BYTES))
        await self._redis.set(session(digest(word)), holder, px=lasts)
        return word

    async def holder(self, word: str) -> str | None:
        found = await self._redis.get(session(digest(word)))
        return None if found is None else str(found.decode())

    async def end(self, word: str) -> None:
        await self._redis.delete(session(digest(word)))


def digest(word: str) -> str:
    return sha256(word.encode("utf-8", "surrogatepass")).hexdigest()


def _written(random: bytes) -> str:
    return urlsafe_b64encode(random).decode().rstrip("=")


def _row(token: Token) -> str:
    return json.dumps(
        {
            "digest": token.digest,
            "scopes": sorted(token.scopes),
            "created_at": token.created_at,
            "created_by": token.created_by,
        },
        separators=(",", ":"),
    )


def _token(name: str, row: bytes, used_on: bytes | None) -> Token:
    told = json.loads(row)
    return Token(
        name=name,
        digest=told["digest"],
        scopes=frozenset(told["scopes"]),
        created_at=UnixMs(told["created_at"]),
        created_by=told["created_by"],
        used_on=UnixMs(int(used_on)) if used_on else None,
    )
