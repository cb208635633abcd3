"""What arrived? One HTTP request as bytes, before anybody believes it."""

from consent.values import value


@value(frozen=True, slots=True, kw_only=True)
class Inbound:
    method: str
    query: str
    """The query string as it was on the wire, still percent-encoded; empty for none."""
    content_type: str
    """The header as sent; empty when there was none (a real Nexmo client sends JSON that way)."""
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """Those that the codecs' HEADERS name, in lower case; one that came twice is here once, joined by ", "."""
    url: str = ""
    """The webhook URL as the provider was told it, and the query above. It is made of `receiver.public_url`, never of
    what the request says of itself: some signatures cover it. Empty where that is not known."""

    def __hash__(self) -> int:
        """What was read of the last one is remembered, so each is looked up a few times."""
        return hash(self.body)

    @property
    def is_visit(self) -> bool:
        """Somebody opened the URL in a browser, or a dashboard tries whether it answers: there is nothing to record.

        Nor is there in a HEAD, whatever it says: no provider reports by one, and it is sent by who wants nothing done.
        """
        return self.method == "HEAD" or (self.method == "GET" and not self.query and not self.body)

    @property
    def is_said_in_query(self) -> bool:
        """By a GET, unless only its body says anything: some HTTP clients send one."""
        return bool(self.query) and self.method in {"GET", "HEAD"}

    def header(self, name: str) -> str:
        """Empty when there was none."""
        return next((value for given, value in self.headers if given == name), "")
