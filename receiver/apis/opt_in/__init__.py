"""Which numbers opted out, and how does the account opt one in again? Nexmo's opt-in API, as its clients know it.

docs/apis/opt-in.md describes it for who calls it, docs/adr/0011-opt-in-errors.md says what the reference leaves open.
"""

from receiver.apis.opt_in.api import routes

__all__ = ["routes"]
