"""What does the environment override? Every scalar, as CONSENT_RELAY_<SECTION>__<KEY>.

One variable of everybody's counts too: OTEL_EXPORTER_OTLP_ENDPOINT, as `tracing.endpoint`.
"""

from collections.abc import Mapping, Sequence

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.mistakes import Mistake, suggestion
from consent.errors import Misconfigured

PREFIX = "CONSENT_RELAY_"
_BETWEEN = "__"
_NO_SECTIONS = {"config", "collector"}


class Environment(BaseSettings):
    """Reads `os.environ` when built. Values stay text here: what they must be is known to the sections."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=_BETWEEN,
        env_nested_max_split=1,
        enable_decoding=False,
        extra="ignore",
        frozen=True,
    )

    config: str = ""
    """CONSENT_RELAY_CONFIG: the path of the file."""
    store: dict[str, str] = {}
    receiver: dict[str, str] = {}
    dispatcher: dict[str, str] = {}
    console: dict[str, str] = {}
    log: dict[str, str] = {}
    tracing: dict[str, str] = {}
    keywords: dict[str, str] = {}
    collector: str = Field(default="", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")

    @classmethod
    def read(cls) -> "Environment":
        try:
            return cls()
        except ValidationError as wrong:
            names = sorted({f"{PREFIX}{error['loc'][0]}".upper() for error in wrong.errors()})
            raise Misconfigured(
                "\n".join(f"{name}: set one variable for each key, {name}__<KEY>" for name in names)
            ) from None

    def overrides(self) -> dict[str, dict[str, str]]:
        told: dict[str, dict[str, str]] = self.model_dump(exclude=_NO_SECTIONS)
        if self.collector:
            told["tracing"] = {"endpoint": self.collector, **told["tracing"]}
        return {section: keys for section, keys in told.items() if keys}


def name_of(section: str, key: str) -> str:
    return f"{PREFIX}{section}{_BETWEEN}{key}".upper()


def strays(variables: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> list[Mistake]:
    """Variables that look like ours and name nothing that one may set. `known` holds the keys of every section."""
    sections = [section for section in Environment.model_fields if section not in _NO_SECTIONS]
    spelled = [name_of(section, key) for section in sections for key in known[section]]
    return [
        Mistake(name, wrong)
        for name, value in sorted(variables.items())
        if name.upper().startswith(PREFIX)
        and (wrong := _half_spelled(name.upper(), value, spelled) or _unknown(name.upper(), sections, spelled, known))
    ]


def _half_spelled(name: str, value: str, spelled: Sequence[str]) -> str:
    """With one "_" for the two. Of a service called consent-relay-receiver, Kubernetes says
    CONSENT_RELAY_RECEIVER_PORT=tcp://10.0.0.1:80: https://kubernetes.io/docs/concepts/services-networking/service/
    """
    meant = next((each for each in spelled if each.replace(_BETWEEN, "_") == name), None)
    is_of_kubernetes = value.startswith(("tcp://", "udp://", "sctp://"))
    return f'unknown variable; did you mean "{meant}"?' if meant and not is_of_kubernetes else ""


def _unknown(name: str, sections: Sequence[str], spelled: Sequence[str], known: Mapping[str, Sequence[str]]) -> str:
    """Only names with "__" are ours to judge: beside a service called consent-relay, Kubernetes sets
    CONSENT_RELAY_PORT, CONSENT_RELAY_SERVICE_HOST and more."""
    section, between, _ = name.removeprefix(PREFIX).lower().partition(_BETWEEN)
    if not between or section in sections:
        return ""
    if section in known[""]:
        return f"[[{section}]] are declared in the file, or added by a command; no variable sets them"
    return f"unknown variable; {suggestion(name, spelled)}"
