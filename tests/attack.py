"""Does a service behave as its OpenAPI document says? Whatever the document allows is sent, and each answer judged."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

Dressing = Callable[[Any, int], Mapping[str, str]]
"""Puts names that exist in the place of what was made up, in some of the cases; and says what headers to send."""


class Attack:
    def __init__(self, document: dict[str, Any], *, seconds: float, fewest: int, most: int) -> None:
        """So long for everything: an operation's share may be overdrawn by its fewest requests, no more."""
        import schemathesis  # noqa: PLC0415  # takes half a second, which other tests do not spend

        self.operations = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
        self._seconds, self._fewest, self._most = seconds, fewest, most
        self._began, self._tried = time.monotonic(), 0

    def on(self, operation: Any, url: str, dressed: Dressing) -> set[int]:
        """The statuses that came back from one operation."""
        self._tried += 1
        until = self._began + self._seconds * self._tried / len(self.operations)
        checks, statuses = _checks(), list[int]()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=self._most,
            derandomize=True,  # what failed fails again when it is tried once more
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def send(case: Any) -> None:
            if len(statuses) >= self._fewest and time.monotonic() > until:
                return
            headers = dressed(case, len(statuses))
            statuses.append(case.call_and_validate(base_url=url, headers=headers, checks=checks).status_code)

        send()
        return set(statuses)


def _checks() -> list[Any]:
    from schemathesis import checks as everywhere  # noqa: PLC0415
    from schemathesis.specs.openapi import checks as ours  # noqa: PLC0415

    return [
        everywhere.not_a_server_error,
        ours.status_code_conformance,
        ours.content_type_conformance,
        ours.response_headers_conformance,
        ours.response_schema_conformance,
    ]
