"""How is a value declared that is made for every webhook? Like any other: frozen, as far as anybody can write to it.

A frozen dataclass pays for it with three times the time to make one, because each field is set by a call; a webhook
makes six values with forty fields. So on that path the type checker alone keeps them frozen (bench/README.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

__all__ = ["value"]

Class = TypeVar("Class")

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(*, frozen: bool, slots: bool, kw_only: bool) -> Callable[[type[Class]], type[Class]]:
        """Takes the place of `dataclass`, with the same arguments, and like it keeps a hash that a class brings."""

        def made(plain: type[Class]) -> type[Class]:
            is_hashed = frozen and "__hash__" not in vars(plain)
            return dataclass(slots=slots, kw_only=kw_only, unsafe_hash=is_hashed)(plain)

        return made
