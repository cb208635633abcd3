"""Accounts, campaigns and sources: listed without secrets, added by the rules of the file, applied without loss."""

import re

import pytest

from consent.ledger import Registry, Store
from consent.model import Account, Endpoint
from tests.builders import ACME, SECRET, a_campaign, a_source, an_endpoint
from tests.console.command_line import CommandLine

DECLARED = """
[[accounts]]
id = "acme"
api_key = "abcd1234"
api_secret = "s3cr3t-of-acme"
[[campaigns]]
account = "acme"
id = "1116"
short_code = "123456"
[[sources]]
account = "acme"
id = "nexmo-main"
provider = "nexmo"
[[endpoints]]
account = "acme"
id = "crm"
url = "https://crm.example.com/hooks"
"""


@pytest.fixture
def acme(cli: CommandLine) -> CommandLine:
    cli.register(Account(id=ACME, api_key="abcd1234"), a_campaign(), a_source(), an_endpoint())
    return cli


def test_an_account_is_listed_with_what_it_has_and_without_its_key(acme: CommandLine) -> None:
    assert acme.json("account", "list") == [
        {
            "account": "acme",
            "campaigns": 1,
            "sources": 1,
            "endpoints": 1,
            "has_api_key": True,
            "signature_method": None,
        }
    ]
    assert "abcd1234" not in acme.run("account", "list")


def test_an_empty_list_says_how_to_fill_it_beside_the_output(cli: CommandLine) -> None:
    assert cli.run("campaign", "list") == ""
    assert cli.json("campaign", "list") == []


def test_a_campaign_is_added_once_and_changed_only_on_request(acme: CommandLine) -> None:
    acme.run("campaign", "add", "1117", "--title", "News", "--short-code", "123456", "--keyword", "NEWS")

    assert "--replace" in acme.run("campaign", "add", "1117", exit_code=1)
    acme.run("campaign", "add", "1117", "--title", "Old news", "--replace")
    assert [c["title"] for c in acme.json("campaign", "list", "--account", "acme")] == ["My Campaign Name", "Old news"]


def test_a_campaign_found_in_a_webhook_is_filled_in(acme: CommandLine) -> None:
    async def discover(store: Store) -> int:
        return await Registry(store).discover(a_campaign("99999", title="", discovered=True))

    acme.in_store(discover)
    assert "a webhook" in acme.run("campaign", "list")

    acme.run("campaign", "add", "99999", "--title", "Found")

    assert "a webhook" not in acme.run("campaign", "list")


def test_a_source_is_added_with_a_url_of_its_own_that_points_to_where_providers_come(acme: CommandLine) -> None:
    acme.configure('[receiver]\npublic_url = "https://sms.example.com/relay/"')

    url = acme.run("source", "add", "skycore").strip()

    assert re.fullmatch(r"https://sms\.example\.com/relay/hooks/[\w-]{32}", url)
    assert {line["source"]: line["url"] for line in acme.json("source", "list")}["acme/skycore"] == url
    assert "exists already" in acme.run("source", "add", "skycore", exit_code=1)


def test_a_source_of_a_provider_nobody_knows_is_wrong_usage(acme: CommandLine) -> None:
    told = acme.run("source", "add", "pigeon", exit_code=2)

    assert all(provider in told for provider in ("nexmo", "plivo", "sinch", "skycore", "twilio", "vonage-messages"))


def test_a_url_without_public_url_is_that_of_the_receiver_here(acme: CommandLine) -> None:
    acme.configure('[receiver]\nhost = "0.0.0.0"\nport = 9000')

    assert "http://127.0.0.1:9000/hooks/t0ken-of-at-least-16-chars" in acme.run("source", "list")


def test_applying_adds_then_leaves_alone_then_changes_what_differs(cli: CommandLine) -> None:
    cli.configure(DECLARED)
    first = {step["id"]: step for step in cli.json("apply")}
    second = cli.json("apply")
    cli.configure(DECLARED.replace("crm.example.com/hooks", "crm.example.com/new"))
    third = {step["id"]: step for step in cli.json("apply")}

    assert {step["done"] for step in first.values()} == {"added"}
    assert first["acme/crm"]["secret"].startswith("whsec_")
    assert {step["done"] for step in second} == {"unchanged"}
    assert (third["acme/crm"]["done"], third["acme/crm"]["fields"]) == ("changed", ["url"])
    assert {step["done"] for name, step in third.items() if name != "acme/crm"} == {"unchanged"}


def test_what_was_generated_or_disabled_outlives_the_next_apply(cli: CommandLine) -> None:
    async def endpoint(store: Store) -> Endpoint:
        return (await Registry(store).directory()).endpoints[an_endpoint().id]

    cli.configure(DECLARED)
    cli.run("apply")
    urls, secrets = cli.json("source", "list"), cli.in_store(endpoint).secrets
    cli.run("endpoint", "disable", "crm")

    cli.run("apply")

    assert cli.json("source", "list") == urls
    assert cli.in_store(endpoint).secrets == secrets
    assert cli.in_store(endpoint).disabled


def test_applying_takes_no_rotation_back_until_the_secret_is_changed_in_the_file(cli: CommandLine) -> None:
    async def endpoint(store: Store) -> Endpoint:
        return (await Registry(store).directory()).endpoints[an_endpoint().id]

    def declare(secret: str) -> None:
        cli.configure(DECLARED + f'secret = "{secret}"\n')

    declare(SECRET)
    cli.run("apply")
    new = cli.json("endpoint", "rotate-secret", "crm", "--grace", "0s")["secret"]

    again = {step["id"]: step["done"] for step in cli.json("apply")}
    rotated = cli.in_store(endpoint).secrets
    declare("whsec_" + "A" * 32)
    changed = {step["id"]: step["fields"] for step in cli.json("apply")}

    assert (again["acme/crm"], rotated) == ("unchanged", (new,))
    assert changed["acme/crm"] == ["secrets", "declared_secret"]
    assert cli.in_store(endpoint).secrets == ("whsec_" + "A" * 32,)


def test_applying_removes_nothing(acme: CommandLine) -> None:
    acme.configure('[[accounts]]\nid = "other"\n')

    acme.run("apply")

    assert [line["account"] for line in acme.json("account", "list")] == ["acme", "other"]


def test_a_store_that_would_lose_it_is_not_written_to_but_may_be_read(acme: CommandLine) -> None:
    acme.configure(DECLARED, store='durability = "replicated"')

    assert "no replica" in acme.run("apply", exit_code=1)
    assert acme.json("account", "list")[0]["account"] == "acme"


def test_a_store_laid_out_otherwise_is_not_even_read(acme: CommandLine) -> None:
    acme.run("account", "list")
    acme.config.write_text(acme.config.read_text().replace("partitions = 4", "partitions = 8"))

    assert "store.partitions" in acme.run("account", "list", exit_code=1)
