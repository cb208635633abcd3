"""What may a token be good for? Words only; guard.py asks for them."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    READ = "read"
    """Look at everything, but for secrets; numbers are masked."""
    OPERATE = "operate"
    """Disable, enable, test, retry, replay, and decide for a number."""
    ADMIN = "admin"
    """Change the registry, see webhook URLs and new secrets, make and revoke tokens."""
    NUMBERS = "numbers"
    """See whole phone numbers, and what people wrote."""


ALL = frozenset(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who is asking."""

    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes
