"""Are the processes of this container alive? `python -m config.alive [receiver | dispatcher | console …]`, for a health
check that has no curl.

Each of those named must answer at /healthz; where none is named, one at all, which is right for an image that does not
know which of them it will run. The ports are those of the settings, so it needs what the process itself was given:
CONSENT_RELAY_CONFIG and the other variables. Whether the process is ready is another question, and not for a restart.
"""

import http.client
import sys
from collections.abc import Mapping, Sequence

from config.settings import Settings, load
from consent.errors import Misconfigured

_PATIENCE_S = 2.0

Address = tuple[str, int]


def addresses(settings: Settings) -> Mapping[str, Address]:
    """Where each kind of process answers. To connect to "0.0.0.0" or "::" is to connect to this machine."""
    receiver, dispatcher, console = settings.receiver, settings.dispatcher, settings.console
    return {
        "receiver": (receiver.internal_host, receiver.internal_port),
        "dispatcher": (dispatcher.host, dispatcher.port),
        "console": (console.host, console.port),
    }


def is_alive(address: Address) -> bool:
    connection = http.client.HTTPConnection(*address, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def verdict(names: Sequence[str], known: Mapping[str, Address]) -> str:
    """What is wrong; "" when nothing is."""
    if strangers := [name for name in names if name not in known]:
        return f"expected any of {', '.join(known)}, got {', '.join(strangers)}"
    silent = [name for name in names or known if not is_alive(known[name])]
    if names and silent:
        return f"silent: {', '.join(silent)}"
    return "" if len(silent) < len(known) else "nobody answers"


if __name__ == "__main__":
    try:
        sys.exit(verdict(sys.argv[1:], addresses(load())) or 0)
    except Misconfigured as exc:
        sys.exit(str(exc))
