"""Which ways are there to say no to an operator? Added to the tree of consent/errors.py, for who watches and steers.

Refused
├── Unfit              what was sent is not fit: the message says which key, and what was expected   400
├── Forbidden          the token has not the scope                                                   403
│   └── CrossSite      the log-in's cookie came without its token: perhaps another site sent it      403
├── NoSuch             nothing has that name                                                         404
├── Taken              things being as they are it cannot be done: the message says what is in the way 409
│   └── SelfStopped    she stopped herself, and nobody said that this is to be overruled             409
└── NotJson            a body that is no JSON                                                        415
"""

from consent.errors import Refused


class Unfit(Refused):
    """What was sent is not fit for the registry, or for what was asked: the message says which key, and what would
    be."""

    reason = "unfit"


class Forbidden(Refused):
    """The token lacks a scope: use another, or make one with `consent-relay token create NAME --scope …`."""

    status = 403
    reason = "missing_scope"


class CrossSite(Forbidden):
    """A change by a log-in's cookie needs the log-in's CSRF token, which no other site knows: load the page again."""

    reason = "cross_site"


class NoSuch(Refused):
    """Nothing has that name: the message says what there is."""

    status = 404
    reason = "no_such"


class Taken(Refused):
    """Something is in the way: one of that name, one like it under way, what still hangs on it."""

    status = 409
    reason = "conflict"


class SelfStopped(Taken):
    """She stopped herself. Who opts her in again says that he overrules that, and why."""

    reason = "self_stopped"


class NotJson(Refused):
    """A body is JSON here, and says so: `Content-Type: application/json`."""

    status = 415
    reason = "not_json"
