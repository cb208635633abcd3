"""Is a binary message a text all the same? Some phones and gateways send letters as data; to her, STOP is a STOP."""

import base64
import binascii


def text_in(data: bytes) -> str:
    """Empty where any of it is no letter that one can see: then it is data."""
    try:
        text = data.decode("ascii").strip("\0 \r\n")
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""


def from_hex(data: str) -> bytes:
    """Empty where it is none."""
    try:
        return bytes.fromhex(data)
    except ValueError:
        return b""


def from_base64(data: str) -> bytes:
    """Empty where it is none."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return b""
