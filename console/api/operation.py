"""What is an operation of the admin API? A line of a table: its path, who may, what it takes, what it answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from consent.model import UnixMs
from console.desk import Desk
from console.jobs import Jobs
from console.server.scopes import Scope, Viewer

ModelT = TypeVar("ModelT", bound=BaseModel)
ItemT = TypeVar("ItemT")

MOST_ON_A_PAGE = 1000
CLOSED = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
"""An unknown key is a mistake: one that is silently ignored is found out by an incident."""


class Nothing(BaseModel):
    """No parameters."""

    model_config = CLOSED


class Paging(BaseModel):
    model_config = CLOSED

    after: str = Field(default="", max_length=1024, description="The `next` of the page before.")
    limit: int = Field(default=100, ge=1, le=MOST_ON_A_PAGE, description="At most so many.")


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    items: tuple[ItemT, ...]
    next: str | None
    """Ask for it as `after`; None: this was the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, let in and read."""

    desk: Desk
    viewer: Viewer
    jobs: Jobs
    now: UnixMs
    path: Mapping[str, str]
    query: BaseModel
    body: BaseModel = field(repr=False)
    table: Mapping[str, object] = field(repr=False)
    """The body as it was sent, for what the registry's own rules judge."""

    def asked(self, kind: type[ModelT]) -> ModelT:
        """The query, as the operation declares it."""
        return _of(kind, self.query)

    def said(self, kind: type[ModelT]) -> ModelT:
        """The body, as the operation declares it."""
        return _of(kind, self.body)

    @property
    def named(self) -> str:
        """The thing that the path names, in full."""
        return f"{self.path['account']}/{self.path['name']}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    name: str
    method: str
    path: str
    tag: str
    summary: str
    """One sentence."""
    scope: Scope
    handle: Callable[[Call], Awaitable[object]]
    answers: Any
    """The type of the answer: a dataclass, or `Page` of one."""
    query: type[BaseModel] = Nothing
    body: type[BaseModel] | None = None
    is_table: bool = False
    """The body is judged by the registry's rules, which tell every mistake; `body` describes it only."""
    status: int = 200
    conflicts: bool = False
    """It may meet something in its way: 409."""


def paged(lines: list[ItemT], name_of: Callable[[ItemT], str], paging: Paging) -> Page[ItemT]:
    """Of what is all there, in the order of its names: whatever comes or goes, nothing is shown twice or left out."""
    ordered = sorted((line for line in lines if name_of(line) > paging.after), key=name_of)
    shown = tuple(ordered[: paging.limit])
    return Page(shown, name_of(shown[-1]) if len(ordered) > paging.limit else None)


def _of(kind: type[ModelT], model: BaseModel) -> ModelT:
    if not isinstance(model, kind):
        raise TypeError(f"the operation declares {type(model).__name__}, not {kind.__name__}")
    return model
