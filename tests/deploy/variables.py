"""Are the variables that a container or unit is given settings of ours? Else it would not start."""

from collections.abc import Mapping

from config.settings import Settings, judged


def settings_by(variables: Mapping[str, str]) -> Settings:
    """As they amount to; Misconfigured where one is no setting."""
    overrides: dict[str, dict[str, str]] = {}
    for name, value in variables.items():
        if "__" in name:
            section, _, key = name.removeprefix("CONSENT_RELAY_").lower().partition("__")
            overrides.setdefault(section, {})[key] = value
    return judged({}, overrides, where="the environment")
