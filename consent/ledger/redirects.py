"""What does a node of a Cluster mean when it does not answer, but sends us elsewhere? Pure.

https://valkey.io/topics/cluster-spec/#redirection-and-resharding
"""

from dataclasses import dataclass

from consent.ledger.address import Address


@dataclass(frozen=True, slots=True)
class Moved:
    """The slot is there for good."""

    slot: int
    master: Address


@dataclass(frozen=True, slots=True)
class Ask:
    """The slot is on its way there, and this key has arrived: ask there, but this once."""

    master: Address


@dataclass(frozen=True, slots=True)
class Wait:
    """The slot is on its way, and not all of these keys are at the same end of it."""


Redirect = Moved | Ask | Wait


def redirect_of(error: str, asked: Address) -> Redirect | None:
    """None for an error that is the command's own. `asked`: the node that answered, which is meant where it names no
    host."""
    match error.split():
        case ["MOVED", slot, place] if slot.isdecimal() and (master := _place(place, asked)):
            return Moved(int(slot), master)
        case ["ASK", _, place] if master := _place(place, asked):
            return Ask(master)
        case ["TRYAGAIN", *_]:
            return Wait()
    return None


def _place(word: str, asked: Address) -> Address | None:
    host, _, port = word.rpartition(":")
    if not port.isdecimal() or host == "?":
        return None
    return asked.at(host.strip("[]") or asked.host, int(port))
