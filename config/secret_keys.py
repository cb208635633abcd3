"""Which keys seal the secrets in the store? Those of the configuration; for the embedded store, else one of its own.

The embedded store's own key is a file in the data directory, beside the store and not in it: a copy of the store alone
tells nobody a secret. It is made once, at the first start; who loses it loses every secret that it sealed.
"""

import base64
import binascii
import secrets
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from config.kept_file import write_once
from config.sections import Store
from consent.errors import Misconfigured
from consent.ledger.sealing import KEY_BYTES, UNSEALED, Key, Seals

_FILE = "secret.key"


def seals_of(where: Store) -> Seals:
    """Reads the key's file where there is one; makes none."""
    configured = [_key(where.secret_key)] if where.secret_key else []
    own = _read(file_of(where)) if where.is_embedded else None
    keys = [*configured, *([own] if own else []), *map(_key, where.old_secret_keys)]
    if where.secret_key or own:
        return Seals(keys[0], keys[1:])
    return Seals(None, keys) if keys else UNSEALED


def ensure_key(where: Store, random: Callable[[int], bytes] = secrets.token_bytes) -> bool:
    """Before the first start of an embedded store without a key: make one. Whether one was made."""
    if not where.is_embedded or where.secret_key or file_of(where).exists():
        return False
    try:
        return write_once(file_of(where), base64.b64encode(random(KEY_BYTES)) + b"\n")
    except OSError as exc:
        raise Misconfigured(f"store.data_dir: {file_of(where)} cannot be written: {exc.strerror}") from exc


def file_of(where: Store) -> Path:
    return where.data_dir / _FILE


def _key(configured: SecretStr) -> Key:
    return Key(base64.b64decode(configured.get_secret_value()))


def _read(file: Path) -> Key | None:
    try:
        return Key(base64.b64decode(file.read_bytes().strip(), validate=True))
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Misconfigured(
            f"store.data_dir: {file} cannot be read: {exc.strerror}; run this as the user that `up` runs as"
        ) from exc
    except (binascii.Error, ValueError):
        raise Misconfigured(
            f"store.data_dir: {file} holds no key ({KEY_BYTES} bytes in base64); restore it from a backup"
        ) from None
