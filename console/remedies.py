"""What can be done about a failed attempt? One sentence for each word of dispatcher/failure.py, and for statuses."""

REMEDIES = {
    "egress_refused": "the address is not public: if it is yours, name its network in dispatcher.egress_allow",
    "dns_failed": "nobody knows this host name: check the URL",
    "dns_unavailable": "our own resolver does not answer: check /etc/resolv.conf here; the endpoint is not to blame",
    "connect_refused": "nothing listens there: check the port, and that the system runs",
    "connect_timeout": "no connection in time: look for a firewall in between, or the port does not speak TLS",
    "unreachable": "no way leads there from this machine: check routes and firewalls",
    "no_route": "this machine has no way there at all: check its network; the endpoint is not to blame",
    "no_descriptors": "this process has too many files open: raise LimitNOFILE; the endpoint is not to blame",
    "connect_failed": "the connection failed: check host and port",
    "tls_failed": "its certificate is not trusted here, or that port does not speak TLS: check https:// and the chain",
    "connection_reset": "it hung up before it answered: look in its own log",
    "timeout": "it took the request and did not answer in time: answer first, work later; or raise dispatcher.timeout",
    "bad_response": "what it answered is not HTTP: check the port",
    "bad_url": "the URL leads nowhere: `consent-relay endpoint add --replace` with a better one",
    "bad_certificate": "its client certificate cannot be shown: `consent-relay doctor` says which file is wrong",
    "proxy_failed": "the proxy cannot be reached, or does not know us: check its address and password",
    "proxy_refused": "the proxy does not connect us there: is the endpoint up, and do the proxy's rules allow it?",
    "bad_secret": "its secret cannot sign: `consent-relay endpoint add --replace --secret …` with a better one",
}
_STATUSES = {
    401: "most likely it verifies our signature with another secret: give it this endpoint's, and the exact body "
    "(docs/verifying.md); if it wants credentials instead, `consent-relay endpoint add --replace --header …`",
    403: "it refused us: if it verifies signatures, check that it has this endpoint's secret and the exact body "
    "(docs/verifying.md); else look for a firewall or an address list in front of it",
    404: "it has no such path: check the URL",
    405: "it does not take POST there: check the URL",
    410: "it asks never to be called again: a real notification would disable the endpoint",
    413: "it takes no body of this size",
    415: "it does not take this content type: check the endpoint's format",
    429: "it is overloaded: its `rate` or `max_in_flight` spare it",
    503: "it is overloaded, or closed for maintenance: look there",
}


def remedy_for(*, error: str, status: int | None) -> str:
    """Nothing for a delivered one."""
    if error:
        return REMEDIES.get(error, "")
    if status is None or 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return "it redirects, and redirects are not followed: use the URL that it leads to"
    return _STATUSES.get(status, "it failed: look in its own log" if status >= 500 else "it refused the notification")


def remedy_of_reason(reason: str) -> str:
    """Of what an endpoint's record says: `http_503`, or a word, with explanations before and behind it."""
    for part in reason.split(": "):
        status = part.removeprefix("http_")
        if status.isdecimal():
            return remedy_for(error="", status=int(status))
        if part in REMEDIES:
            return REMEDIES[part]
    return ""
