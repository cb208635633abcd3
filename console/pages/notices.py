"""What is said after something was done? By a word in the address, so that nobody can make a page say what he likes."""

from typing import NamedTuple


class Notice(NamedTuple):
    kind: str
    """good, warn, bad, or nothing."""
    text: str


NOTICES = {
    "disabled": Notice("warn", "Disabled. What it is owed is kept until somebody enables it."),
    "enabled": Notice("good", "Enabled. What was held for it goes out within seconds."),
    "sending": Notice("good", "What waits for it goes out within seconds, opt-outs first."),
    "hastened": Notice(
        "good", "On its way: it will be attempted within seconds, or when the rest of its endpoint is over."
    ),
    "revived": Notice("good", "Taken up again: it will be attempted within seconds."),
    "held": Notice("warn", "Its endpoint is disabled: it is attempted once somebody enables that."),
    "in_flight": Notice("", "It is being attempted right now."),
    "behind": Notice("", "An earlier event for the same number goes first; this one follows."),
    "unknown": Notice("", "Nothing is owed: it was delivered, or never meant for this endpoint."),
    "forgotten": Notice("warn", "The event is no longer in the log, so there is nothing left to send."),
    "campaign": Notice("good", "The campaign is registered."),
    "source": Notice("good", "The webhook URL is made. Paste it at your provider."),
    "simulated": Notice("good", "A simulated STOP was sent to the receiver. It is recorded like any other."),
    "changed": Notice("good", "Changed. It is on the record with your name and your reason."),
    "revived_all": Notice("good", "All that was given up is on its way again."),
    "discarded": Notice("warn", "Discarded. It will not hear of what it was given up on."),
    "cancelled": Notice("warn", "Cancelled. What was queued before goes out."),
}


REFUSALS = {
    "unauthorised": "Nobody has this token, or it was revoked.",
    "throttled": "Too many wrong tokens came from your address. Wait a minute, then try again. If they were not yours, "
    "and a proxy stands before the console, console.trusted_proxies has to name it.",
    "ended": "Your log-in has ended. Log in again.",
}
"""Why a log-in failed."""


def notice(word: str | None) -> Notice | None:
    return NOTICES.get(word or "")
