"""May this number be subscribed, must it be unsubscribed? Skycore's WXML 1.3, as its clients know it.

docs/apis/wxml.md describes it for who calls it, docs/adr/0010-wxml.md says what the document leaves open.
"""

from receiver.apis.wxml.api import routes

__all__ = ["routes"]
