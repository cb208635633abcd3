"""Do the programs of docs/verifying.md believe us, and nobody else? Each is run, and posted to as a dispatcher posts.

A language whose tools are not on this machine is skipped, and says so.
"""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from dispatcher.signing import Signer, new_private_key, new_secret, public_key
from tests.e2e.installation import free_port

FOLDER = Path(__file__).parents[2] / "docs" / "verify"
SECRET = new_secret(bytes(range(24)))
OTHER_SECRET = new_secret(bytes(24))
PRIVATE_KEY = new_private_key(bytes(range(32)))
OTHER_PRIVATE_KEY = new_private_key(bytes(32))
# Not as any library would write it again, and not only ASCII.
BODY = '{"type": "consent.opted_out",\n "data": {"text":"ARRÊT 停止 \\u00e9"}}'.encode()
ID = "evt_3_1764000000123_0"


@dataclass(frozen=True)
class Language:
    tool: str
    file: str
    knows_ed25519: bool


LANGUAGES = {
    "python": Language("python3", "verify.py", knows_ed25519=False),
    "node": Language("node", "verify.mjs", knows_ed25519=True),
    "go": Language("go", "verify.go", knows_ed25519=True),
    "java": Language("java", "Verify.java", knows_ed25519=True),
    "rust": Language("cargo", "rust/src/main.rs", knows_ed25519=False),
    "php": Language("php", "verify.php", knows_ed25519=True),
}


@pytest.fixture(scope="module", params=list(LANGUAGES))
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name != "python" and shutil.which(LANGUAGES[name].tool) is None:
        pytest.skip(f"{LANGUAGES[name].tool} is not on the PATH")
    return name


@pytest.fixture(scope="module")
def program(language: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is typed to start it, where PORT may stand for a port."""
    folder = tmp_path_factory.mktemp(language)
    file = str(FOLDER / LANGUAGES[language].file)
    match language:
        case "python":
            return [sys.executable, file]
        case "go":
            built(["go", "build", "-o", str(folder / "verify"), file], folder)
            return [str(folder / "verify")]
        case "rust":
            shutil.copytree(FOLDER / "rust", folder / "rust")
            try:
                built(["cargo", "build", "--offline", "--quiet"], folder / "rust")
            except AssertionError as without:
                if "offline" not in str(without):
                    raise
                pytest.skip("the crates are not on this machine: run `cargo fetch` in docs/verify/rust")
            return [str(folder / "rust" / "target" / "debug" / "verify")]
        case "php":
            return ["php", "-d", "variables_order=EGPCS", "-S", "127.0.0.1:PORT", file]
        case _:
            return [LANGUAGES[language].tool, file]


def built(command: list[str], folder: Path) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


@dataclass
class Listener:
    port: int

    def answer_to(self, headers: dict[str, str], body: bytes) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/hooks/consent", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


def typed(program: list[str], secret: str, port: int) -> tuple[list[str], dict[str, str]]:
    """The command, and its environment."""
    return [word.replace("PORT", str(port)) for word in program], {
        **os.environ,
        "WEBHOOK_SECRET": secret,
        "PORT": str(port),
    }


@contextmanager
def listening(program: list[str], secret: str) -> Iterator[Listener]:
    port = free_port()
    command, environment = typed(program, secret, port)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_listening(port, process)
        yield Listener(port)
    finally:
        process.kill()
        process.wait(30)


def wait_until_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < deadline, "it does not listen"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def listener(program: list[str]) -> Iterator[Listener]:
    """It knows `SECRET`."""
    with listening(program, SECRET) as started:
        yield started


@pytest.fixture(scope="module")
def public_listener(language: str, program: list[str]) -> Iterator[Listener]:
    """It knows the public key of `PRIVATE_KEY`."""
    if not LANGUAGES[language].knows_ed25519:
        pytest.skip(f"{LANGUAGES[language].file} verifies v1 alone, as docs/verifying.md says")
    with listening(program, public_key(PRIVATE_KEY) or "") as started:
        yield started


def signed(*secrets: str, age: int = 0, body: bytes = BODY) -> dict[str, str]:
    return Signer(secrets).headers(ID, int(time.time()) - age, body)


def test_a_notification_is_believed(listener: Listener) -> None:
    assert listener.answer_to(signed(SECRET), BODY) == 204


def test_while_secrets_change_either_is_believed(listener: Listener) -> None:
    assert listener.answer_to(signed(OTHER_SECRET, SECRET), BODY) == 204
    assert listener.answer_to(signed(SECRET, OTHER_SECRET), BODY) == 204
    assert listener.answer_to(signed(PRIVATE_KEY, SECRET), BODY) == 204


def test_a_body_that_was_changed_is_refused(listener: Listener) -> None:
    assert listener.answer_to(signed(SECRET), BODY.replace(b"out", b"in!")) == 401
    assert listener.answer_to(signed(SECRET), BODY + b"\n") == 401
    assert listener.answer_to(signed(SECRET), BODY.replace(b",\n ", b", ")) == 401


def test_another_secret_is_refused(listener: Listener) -> None:
    assert listener.answer_to(signed(OTHER_SECRET), BODY) == 401


@pytest.mark.parametrize("age", [3600, -3600])
def test_a_timestamp_of_another_hour_is_refused(listener: Listener, age: int) -> None:
    assert listener.answer_to(signed(SECRET, age=age), BODY) == 401


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_what_was_signed_with_the_body_cannot_be_changed(listener: Listener, name: str) -> None:
    headers = signed(SECRET)
    headers[name] = {"webhook-id": "evt_3_1764000000123_1", "webhook-timestamp": str(int(time.time()) + 1)}[name]

    assert listener.answer_to(headers, BODY) == 401


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_is_no_reason_to_believe(listener: Listener, name: str) -> None:
    headers = signed(SECRET)
    del headers[name]

    assert listener.answer_to(headers, BODY) == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,not base64!"},
        {"webhook-signature": "v1a,AAAA v1,AAAA ,,, v2,AAAA"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 30},
        {"webhook-timestamp": "1e9"},
    ],
)
def test_nonsense_is_refused_and_breaks_nothing(listener: Listener, changed: dict[str, str]) -> None:
    assert listener.answer_to({**signed(SECRET), **changed}, BODY) == 401
    assert listener.answer_to(signed(SECRET), BODY) == 204


def test_an_ed25519_signature_is_believed_by_who_has_the_public_key(public_listener: Listener) -> None:
    assert public_listener.answer_to(signed(PRIVATE_KEY), BODY) == 204
    assert public_listener.answer_to(signed(SECRET, PRIVATE_KEY), BODY) == 204


def test_an_ed25519_signature_of_something_else_is_refused(public_listener: Listener) -> None:
    assert public_listener.answer_to(signed(PRIVATE_KEY), BODY + b" ") == 401
    assert public_listener.answer_to(signed(OTHER_PRIVATE_KEY), BODY) == 401
    assert public_listener.answer_to(signed(PRIVATE_KEY, age=3600), BODY) == 401
    assert public_listener.answer_to({**signed(PRIVATE_KEY), "webhook-signature": "v1a,AAAA"}, BODY) == 401


def test_whoever_knows_the_public_key_cannot_sign_with_it(public_listener: Listener) -> None:
    as_shared = "whsec_" + (public_key(PRIVATE_KEY) or "").removeprefix("whpk_")
    forged = signed(as_shared)

    assert public_listener.answer_to(forged, BODY) == 401
    forged["webhook-signature"] = forged["webhook-signature"].replace("v1,", "v1a,")
    assert public_listener.answer_to(forged, BODY) == 401


@pytest.mark.parametrize("secret", ["", "whsec_", "hunter2", f"{SECRET}\n"])
def test_with_what_is_no_secret_it_does_not_listen(language: str, program: list[str], secret: str) -> None:
    """With an empty key, whoever signs with an empty key would be believed."""
    if language == "php":  # it is started by its server, which knows nothing of it
        with listening(program, secret) as started:
            assert started.answer_to(signed(SECRET), BODY) == 500
        return
    command, environment = typed(program, secret, free_port())

    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    assert ended.returncode == 1
    assert "WEBHOOK_SECRET: expected the secret of your endpoint" in ended.stderr


def test_the_library_of_the_page_verifies_as_shown() -> None:
    event = Webhook(SECRET).verify(BODY, signed(SECRET))

    assert event["type"] == "consent.opted_out"
