"""Which token opens the console at first? That of the configuration, else one of its own, made at the first start.

It has every scope. Further ones are made with it, or on the command line, and live in the store.
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from config.kept_file import write_once
from config.settings import Settings
from consent.errors import Misconfigured

_FILE = "console.token"
_RANDOM_BYTES = 32


def configured(settings: Settings) -> str | None:
    """None: neither is there."""
    return settings.console.token.get_secret_value() or _read(file_of(settings))


def ensure_token(settings: Settings, random: Callable[[int], bytes] = secrets.token_bytes) -> str | None:
    """Before the first start without a token: make one. It, if one was made: this is the only time it is handed out."""
    if configured(settings):
        return None
    token, file = urlsafe_b64encode(random(_RANDOM_BYTES)).decode().rstrip("="), file_of(settings)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return token if write_once(file, f"{token}\n".encode()) else None
    except OSError as exc:
        raise Misconfigured(f"store.data_dir: {file} cannot be written: {exc.strerror}; or set console.token") from exc


def file_of(settings: Settings) -> Path:
    return settings.store.data_dir / _FILE


def _read(file: Path) -> str | None:
    try:
        return file.read_text("ascii").strip() or None
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Misconfigured(
            f"store.data_dir: {file} cannot be read: {exc.strerror}; run this as the user that `up` runs as"
        ) from exc
    except UnicodeDecodeError:
        raise Misconfigured(f"store.data_dir: {file} holds no token: remove it, and a new one is made") from None
