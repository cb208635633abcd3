"""Accounts, campaigns and sources: listed without secrets, added by the rules of the file, applied without loss."""

import re
from dataclasses import replace

import pytest

from consent.ledger import Registry, Store
from consent.model import Account, Endpoint, Header, Source
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


def test_what_is_not_said_of_a_campaign_stays_as_it_is(acme: CommandLine) -> None:
    acme.run(
        "campaign", "add", "1117", "--title", "News", "--short-code", "555", "--keyword", "NEWS", "--requires-opt-in"
    )

    acme.run("campaign", "add", "1117", "--replace", "--pool", "+18005551213")
    (kept,) = [each for each in acme.json("campaign", "list") if each["id"] == "1117"]
    acme.run("campaign", "add", "1117", "--replace", "--no-requires-opt-in", "--brand", "Ours")
    (changed,) = [each for each in acme.json("campaign", "list") if each["id"] == "1117"]

    assert kept["pool"] == ["+18005551213"]
    assert (kept["title"], kept["short_code"], kept["keywords"], kept["requires_opt_in"]) == (
        "News",
        "555",
        ["NEWS"],
        True,
    )
    assert changed == {**kept, "brand": "Ours", "requires_opt_in": False}


def test_a_campaign_has_every_number_that_it_texts_from(acme: CommandLine) -> None:
    acme.run("campaign", "add", "1117", "--short-code", "+18005551212", "--pool", "+18005551213", "--pool", "654321")

    (campaign,) = [each for each in acme.json("campaign", "list") if each["id"] == "1117"]
    assert (campaign["short_code"], campaign["pool"]) == ("+18005551212", ["+18005551213", "654321"])
    assert "+18005551212, +18005551213, 654321" in acme.run("campaign", "list")


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
    assert "exists already: change it in the configuration file" in acme.run("account", "add", "acme", exit_code=1)


@pytest.mark.parametrize(("public_url", "is_hinted"), [("", True), ("https://sms.example.com", False)])
def test_a_url_that_no_provider_reaches_is_told_beside_it(acme: CommandLine, public_url: str, is_hinted: bool) -> None:
    acme.configure(f'[receiver]\npublic_url = "{public_url}"')

    assert ("which no provider reaches: set receiver.public_url" in acme.remarks("source", "add", "plivo")) is is_hinted
    assert acme.run("source", "add", "skycore").count("\n") == 1


@pytest.mark.parametrize(
    ("provider", "signed"),
    [
        ("nexmo", "sha256"),
        ("twilio", "X-Twilio-Signature"),
        ("telnyx", "telnyx-signature-ed25519"),
        ("aws", "a user and password"),
        ("skycore", None),
    ],
)
def test_it_is_told_by_what_a_provider_signs_and_that_one_does_not(
    acme: CommandLine, provider: str, signed: str | None
) -> None:
    words = ("source", "add", provider, "--id", "one", "--signature-secret", "s3cret", "--signature-method", "sha256")

    is_warned = "skycore signs nothing" in acme.remarks(*words)

    assert is_warned is (signed is None)
    assert {line["source"]: line["signed"] for line in acme.json("source", "list")}["acme/one"] == signed
    told = acme.run("source", "list")
    assert (f"{provider}, verified by {signed}" if signed else f"{provider}, unsigned") in told
    findings = acme.json("doctor", exit_code=1)
    assert any("skycore signs nothing" in finding["text"] for finding in findings) is is_warned


def test_a_key_of_telnyxs_that_is_none_is_told_at_once(acme: CommandLine) -> None:
    add = ("source", "add", "telnyx", "--signature-secret")
    key = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="

    assert "is no public key of Telnyx's" in acme.remarks(*add, "KEY0123456789", "--id", "wrong")
    assert "public key" not in acme.remarks(*add, key, "--id", "right")
    findings = [each["text"] for each in acme.json("doctor", exit_code=1)]
    assert [each.partition(":")[0] for each in findings if "public key of Telnyx" in each] == ["acme/wrong"]


@pytest.mark.parametrize("provider", ["bandwidth", "infobip", "aws"])
def test_a_password_without_its_user_is_told_at_once(acme: CommandLine, provider: str) -> None:
    add = ("source", "add", provider, "--signature-secret")

    assert "is no user and password, which are written as user:password" in acme.remarks(
        *add, "s3cret", "--id", "wrong"
    )
    assert "user:password" not in acme.remarks(*add, "relay:s3cret", "--id", "right")


def test_a_source_of_a_provider_nobody_knows_is_wrong_usage(acme: CommandLine) -> None:
    told = acme.run("source", "add", "pigeon", exit_code=2)

    assert all(
        provider in told for provider in ("nexmo", "plivo", "sinch", "skycore", "telnyx", "twilio", "vonage-messages")
    )


def test_a_url_without_public_url_is_that_of_the_receiver_here(acme: CommandLine) -> None:
    acme.configure('[receiver]\nhost = "0.0.0.0"\nport = 9000')

    assert "http://127.0.0.1:9000/hooks/t0ken-of-at-least-16-chars" in acme.run("source", "list")


def test_applying_tells_of_a_secret_that_proves_nothing(cli: CommandLine) -> None:
    cli.configure(
        '[[accounts]]\nid = "acme"\n'
        '[[sources]]\naccount = "acme"\nid = "main"\nprovider = "skycore"\nsignature_secret = "s3cret"'
    )

    assert "acme/main: skycore signs nothing" in cli.remarks("apply")


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


BY_HAND = a_source(token="t0ken-made-by-a-command", signature_secret="s1gned-by-nexmo", signature_method="sha256")
CALLER = Account(
    id=ACME, api_key="abcd1234", api_secret="s3cr3t", signature_secret="s1gned-by-acme", signature_method="sha512"
)
WITHOUT_SECRETS = """
[[accounts]]
id = "acme"
{account}
[[sources]]
account = "acme"
id = "nexmo-main"
provider = "nexmo"
{source}
"""


async def caller_and_source(store: Store) -> tuple[Account, Source | None]:
    directory = await Registry(store).directory()
    return directory.accounts[ACME], directory.source(ACME, BY_HAND.id)


def test_applying_keeps_keys_and_secrets_that_the_file_leaves_out(cli: CommandLine) -> None:
    cli.register(CALLER, BY_HAND)
    cli.configure(WITHOUT_SECRETS.format(account="", source=""))

    steps = cli.json("apply")

    assert {step["id"]: (step["done"], step["warnings"]) for step in steps} == {
        "acme": ("unchanged", []),
        "acme/nexmo-main": ("unchanged", []),
    }
    assert cli.in_store(caller_and_source) == (CALLER, BY_HAND)


def test_applying_keeps_headers_and_proxy_that_the_file_leaves_out_and_clears_what_it_says_is_empty(
    cli: CommandLine,
) -> None:
    async def endpoint(store: Store) -> Endpoint:
        return (await Registry(store).directory()).endpoints[an_endpoint().id]

    headers, proxy = (Header(name="X-Api-Key", value="key-of-the-crm"),), "http://ann:secret@proxy.example:3128"
    cli.register(Account(id=ACME), an_endpoint(headers=headers, proxy=proxy))
    cli.configure(DECLARED)
    cli.run("apply")
    assert (cli.in_store(endpoint).headers, cli.in_store(endpoint).proxy) == (headers, proxy)

    cli.configure(DECLARED + 'proxy = ""\nheaders = {}\n')
    cli.run("apply")
    assert (cli.in_store(endpoint).headers, cli.in_store(endpoint).proxy) == ((), "")


def test_applying_clears_what_the_file_says_is_empty_and_warns_that_a_source_is_open(cli: CommandLine) -> None:
    cli.register(CALLER, BY_HAND)
    cleared = 'api_key = ""\napi_secret = ""\nsignature_secret = ""'
    cli.configure(WITHOUT_SECRETS.format(account=cleared, source='signature_secret = ""'))

    account, source = cli.json("apply")

    assert account["fields"] == ["api_key", "api_secret", "signature_secret", "signature_method"]
    assert source["fields"] == ["signature_secret", "signature_method"]
    (warning,) = source["warnings"]
    assert "acme/nexmo-main has no signature_secret any more" in warning
    assert cli.in_store(caller_and_source) == (Account(id=ACME), a_source(token=BY_HAND.token))
    assert [step["warnings"] for step in cli.json("apply")] == [[], []]


def test_people_see_that_a_source_is_open_from_now_on(cli: CommandLine) -> None:
    cli.register(CALLER, BY_HAND)
    cli.configure(WITHOUT_SECRETS.format(account="", source='signature_secret = ""'))

    assert "no signature_secret any more" in cli.remarks("apply")


def test_a_kept_secret_keeps_its_method_unless_the_file_names_another(cli: CommandLine) -> None:
    cli.register(CALLER, BY_HAND)
    cli.configure(WITHOUT_SECRETS.format(account="", source='signature_method = "sha1"'))

    cli.run("apply")

    assert cli.in_store(caller_and_source) == (CALLER, replace(BY_HAND, signature_method="sha1"))


def test_a_key_that_the_file_gives_to_another_account_is_not_kept_as_well(cli: CommandLine) -> None:
    cli.register(CALLER)
    cli.configure('[[accounts]]\nid = "acme"\n[[accounts]]\nid = "heir"\napi_key = "ABCD1234"\n')

    cli.run("apply")

    assert {line["account"]: line["has_api_key"] for line in cli.json("account", "list")} == {
        "acme": False,
        "heir": True,
    }


def test_applying_warns_of_campaigns_that_neither_the_file_nor_the_registry_has(acme: CommandLine) -> None:
    acme.configure(DECLARED.replace('"1116"', '"alerts"') + 'campaigns = ["alrets", "alerts", "1116"]\n')

    steps = {step["id"]: step for step in acme.json("apply")}

    told = "acme/crm: no campaign alrets is registered: the endpoint hears of nothing of it; did you mean alerts?"
    assert steps["acme/crm"]["warnings"] == [told]
    assert steps["acme/crm"]["fields"] == ["url", "campaigns"]
    assert told in acme.remarks("apply")


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
