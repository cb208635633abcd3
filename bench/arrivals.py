"""What has come to the sink (bench/sink.py), and has all of it?"""

import json
import time
import urllib.request
from typing import Any

_PATIENCE_S = 120.0
_LOOK_EVERY_S = 0.05


def wait_for(port: int, count: int, *, within: float = _PATIENCE_S) -> None:
    deadline = time.monotonic() + within
    while counted(port) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"{counted(port)} of {count} arrived within {within:g} s")
        time.sleep(_LOOK_EVERY_S)


def counted(port: int) -> int:
    return int(_asked(port, "/count"))


def report(port: int) -> dict[str, Any]:
    """Ids, arrivals and delays, every signature verified."""
    told: dict[str, Any] = json.loads(_asked(port, "/report"))
    return told


def forget(port: int) -> None:
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/report", method="DELETE")).read()


def rate(arrived: list[int]) -> float:
    """Of milliseconds: arrivals a second, from the first to the last."""
    return len(arrived) * 1000 / max(max(arrived) - min(arrived), 1)


def _asked(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return bytes(answer.read())
