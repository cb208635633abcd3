"""Requests as they were on the wire: files in samples/, read into what the codecs get."""

from collections.abc import Callable
from pathlib import Path

import pytest

from receiver.codecs import HEADERS
from receiver.inbound import Inbound

_SAMPLES = Path(__file__).parent / "samples"

Sample = Callable[[str], Inbound]


def _read(name: str) -> Inbound:
    head, _, body = (_SAMPLES / f"{name}.http").read_bytes().partition(b"\r\n\r\n")
    request_line, *header_lines = head.decode().split("\r\n")
    method, target, _ = request_line.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in header_lines)}
    assert len(body) == int(headers.get("content-length", 0)), f"{name}: the body was changed after it was recorded"
    return Inbound(
        method=method,
        query=target.partition("?")[2],
        content_type=headers.get("content-type", ""),
        body=body,
        headers=tuple((name, value) for name, value in headers.items() if name in HEADERS),
        url=f"https://{headers.get('host', '')}{target}",
    )


@pytest.fixture(scope="session")
def sample() -> Sample:
    return _read


@pytest.fixture(scope="session")
def samples() -> dict[str, Inbound]:
    """All of them, by provider and name."""
    names = [path.relative_to(_SAMPLES).with_suffix("").as_posix() for path in sorted(_SAMPLES.rglob("*.http"))]
    return {name: _read(name) for name in names}
