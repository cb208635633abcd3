"""The proxy lets the public routes through and nothing else, and its logs keep what a URL must not tell."""

import asyncio
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
import trustme

from tests.deploy.public import is_public, public_paths
from tests.e2e.installation import ROOT, TOKEN, Installation, eventually, free_port, installation, text

WRITTEN = (ROOT / "deploy/nginx/consent-relay.conf").read_text()
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin")
LARGEST_CALL = 1024 * 1024
PATIENCE_S = 60.0
NUMBER = "16502426055"
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/start.log warn;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/consent-relay.conf;
}}
"""


def locations() -> Iterator[tuple[str, str]]:
    """Modifier and pattern of each that leads to the receiver."""
    for modifier, pattern, body in re.findall(r"location\s+(\S+)\s+(?:(\S+)\s+)?\{([^}]*)\}", WRITTEN):
        if "proxy_pass" in body:
            yield (modifier, pattern) if pattern else ("", modifier)


def matches(modifier: str, pattern: str, path: str) -> bool:
    if modifier == "~":
        return re.search(pattern, path) is not None
    return path == pattern if modifier == "=" else path.startswith(pattern)


def test_the_locations_are_the_public_routes_and_no_other() -> None:
    led_in = [*locations()]
    for path in public_paths():
        assert any(matches(*location, path) for location in led_in) == is_public(path), path


def test_the_outer_limits_are_wider_than_the_receivers() -> None:
    size = re.search(r"client_max_body_size (\d+)m;", WRITTEN)

    assert size
    assert int(size[1]) * 1024 * 1024 >= LARGEST_CALL


@dataclass
class Front:
    folder: Path
    port: int
    behind: Installation

    def url(self, path: str) -> str:
        return f"https://relay.example.com:{self.port}{path}"

    @property
    def logs(self) -> str:
        return "".join(file.read_text() for file in self.folder.glob("*.log"))


def of_this_machine(folder: Path, *, port: int, plain_port: int, receiver: int) -> str:
    """What is written, with other places and ports."""
    changed = {
        r"listen 80;": f"listen 127.0.0.1:{plain_port};",
        r"listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        r"listen \[::\]:\d+( ssl)?;": "",
        r"server 127\.0\.0\.1:8080;": f"server 127.0.0.1:{receiver};",
        r"/etc/ssl/consent-relay": str(folder),
        r"/var/log/nginx": str(folder),
    }
    conf = WRITTEN
    for there, here in changed.items():
        conf, count = re.subn(there, here, conf)
        assert count, there
    return conf


def check(*command: str) -> None:
    told = subprocess.run([*command, "-t"], check=True, timeout=30, capture_output=True, text=True).stderr
    assert "[warn]" not in told, told


@pytest.fixture
def authority(folder: Path) -> trustme.CA:
    authority = trustme.CA()
    certificate = authority.issue_cert("relay.example.com")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(folder / "fullchain.pem", append=True)
    return authority


@pytest.fixture
async def front(folder: Path, authority: trustme.CA) -> AsyncIterator[Front]:
    if NGINX is None:
        pytest.skip("there is no nginx on this machine")
    async with installation(folder) as here:
        await here.register()
        await here.start_receiver()
        port = free_port()
        conf = of_this_machine(folder, port=port, plain_port=free_port(), receiver=here.ports["receiver0"])
        (folder / "consent-relay.conf").write_text(conf)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
        command = (NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"))
        check(*command)
        process = await asyncio.create_subprocess_exec(*command)
        try:
            yield Front(folder, port, here)
        finally:
            process.terminate()
            await process.wait()


@pytest.fixture
async def http(front: Front, authority: trustme.CA) -> AsyncIterator[aiohttp.ClientSession]:
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    connector = aiohttp.TCPConnector(ssl=trusted, resolver=Here())
    async with aiohttp.ClientSession(connector=connector) as session:

        async def answers() -> bool:
            with suppress(aiohttp.ClientError):
                async with session.get(front.url("/openapi.json")) as response:
                    return response.status == 200
            return False

        await eventually(answers, within=PATIENCE_S)
        yield session


class Here(aiohttp.abc.AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[aiohttp.abc.ResolveResult]:
        return [
            {"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0},
        ]

    async def close(self) -> None:
        pass


async def test_a_webhook_comes_through_and_is_in_the_ledger(front: Front, http: aiohttp.ClientSession) -> None:
    async with http.post(front.url(f"/hooks/{TOKEN}"), data=text(NUMBER, "STOP", identity="m1")) as response:
        assert response.status == 200

    assert [event.msisdn for event in await front.behind.history(NUMBER)] == [NUMBER]


async def test_probes_stay_inside_and_routes_are_answered_by_the_receiver(
    front: Front, http: aiohttp.ClientSession
) -> None:
    for path in public_paths():
        async with http.get(front.url(path)) as response:
            by_the_proxy = "<center>nginx</center>" in await response.text()
            assert by_the_proxy != is_public(path), path


async def test_its_logs_tell_no_token_and_no_number(front: Front, http: aiohttp.ClientSession) -> None:
    sent = text(NUMBER, "STOP", identity="m1")
    for path in (f"/hooks/{TOKEN}", f"//hooks/{TOKEN}", f"/v1/consent/1116/{NUMBER}", f"/hooks%2f{TOKEN}"):
        async with http.get(front.url(path), params=sent) as response:
            await response.read()
    await front.behind.kill("receiver0")
    async with http.post(front.url(f"/hooks/{TOKEN}"), data=sent) as response:
        assert response.status == 502
    async with http.post(front.url(f"/hooks/{TOKEN}"), data=BytesIO(bytes(2 * LARGEST_CALL))) as response:
        assert response.status == 413

    await eventually(lambda: " 413 " in front.logs, within=PATIENCE_S)
    logs = "".join(file.read_text() for file in front.folder.glob("consent-relay.*.log"))
    assert " GET /hooks/ 200 " in logs
    assert " POST /hooks/ 502 " in logs
    for word in (TOKEN, NUMBER, "api_key", "msisdn"):
        assert word not in logs
