"""A row is read back as it was written, with its secrets sealed and everything else in the open."""

import json
from dataclasses import replace

import pytest

from consent.errors import Misconfigured
from consent.ledger.rows import Row, decoded, encoded, resealed, row_id, secrets_of
from consent.ledger.sealing import UNSEALED, Key, Seals
from consent.model import Account, CampaignId, Endpoint, Header, RetiringSecret, Source, UnixMs
from tests.builders import ACME, SECRET, a_campaign, a_source, an_endpoint

OLD, NEW = Key(bytes(32)), Key(bytes(range(32)))
ACCOUNT = Account(id=ACME, api_key="key-of-acme", api_secret="s3cr3t-of-acme", signature_secret="signing-of-acme")
SOURCE = a_source(signature_secret="signing-of-nexmo")
ENDPOINT = an_endpoint(
    url="https://crm.example.com/hooks?key=in-the-query",
    campaigns=(CampaignId("1116"),),
    retiring=(RetiringSecret(value="whsec_retiring", until=UnixMs(5)),),
    declared_secret="digest-of-it",
    headers=(Header(name="X-Api-Key", value="key-of-crm"), Header(name="X-Tenant", value="tenant-of-crm")),
    client_certificate="/etc/relay/client.pem",
    proxy="http://relay:password-of-proxy@proxy.example.com:3128",
)
SECRETS = (
    "key-of-acme",
    "s3cr3t-of-acme",
    "signing-of-acme",
    SOURCE.token,
    "signing-of-nexmo",
    "in-the-query",
    SECRET,
    "whsec_retiring",
    "digest-of-it",
    "key-of-crm",
    "tenant-of-crm",
    "password-of-proxy",
)


@pytest.mark.parametrize("seals", [UNSEALED, Seals(NEW)])
@pytest.mark.parametrize("row", [ACCOUNT, a_campaign(keywords=("crêpes",)), SOURCE, ENDPOINT])
def test_a_row_is_read_back_as_it_was_written(row: Row, seals: Seals) -> None:
    assert decoded(type(row), row_id(row), encoded(row, seals), seals) == row


def test_no_secret_is_written_in_the_open() -> None:
    written = "".join(encoded(row, Seals(NEW)) for row in (ACCOUNT, SOURCE, ENDPOINT))

    assert [secret for secret in SECRETS if secret in written] == []
    assert "X-Api-Key" in written
    assert "/etc/relay/client.pem" in written


def test_a_secret_does_not_open_in_another_row_or_field() -> None:
    written = encoded(ACCOUNT, Seals(NEW))
    values = json.loads(written)
    swapped = json.dumps(values | {"api_secret": values["signature_secret"]})

    with pytest.raises(Misconfigured, match="accounts other api_key"):
        decoded(Account, "other", written, Seals(NEW))
    with pytest.raises(Misconfigured, match="accounts acme api_secret"):
        decoded(Account, "acme", swapped, Seals(NEW))


def test_what_stands_beside_a_sealed_value_cannot_be_changed() -> None:
    values = json.loads(encoded(ENDPOINT, Seals(NEW)))
    values["retiring"][0]["until"] = 6

    with pytest.raises(Misconfigured, match="endpoints acme/crm retiring"):
        decoded(Endpoint, "acme/crm", json.dumps(values), Seals(NEW))


def test_a_row_that_is_sealed_again_is_the_same_row_under_the_newest_key() -> None:
    for before in (UNSEALED, Seals(OLD)):
        again = resealed(Endpoint, "acme/crm", encoded(ENDPOINT, before), Seals(NEW, [OLD]))

        assert again == encoded(ENDPOINT, Seals(NEW))


def test_what_a_newer_process_wrote_besides_is_kept_when_sealing_and_skipped_when_reading() -> None:
    values = json.loads(encoded(ENDPOINT, UNSEALED)) | {"colour": ["blue"]}
    values["headers"][0]["hue"] = "dark"

    again = resealed(Endpoint, "acme/crm", json.dumps(values), Seals(NEW))

    assert json.loads(again)["colour"] == ["blue"]
    assert json.loads(again)["headers"][0]["hue"] == "dark"
    assert decoded(Endpoint, "acme/crm", again, Seals(NEW)) == ENDPOINT


def test_what_an_older_process_did_not_write_has_its_default() -> None:
    values = json.loads(encoded(ENDPOINT, UNSEALED))
    for field in ("retiring", "declared_secret", "headers", "client_certificate", "proxy"):
        del values[field]

    assert decoded(Endpoint, "acme/crm", json.dumps(values), Seals(NEW)) == replace(
        ENDPOINT, retiring=(), declared_secret="", headers=(), client_certificate="", proxy=""
    )


def test_a_secret_that_is_no_text_is_left_alone() -> None:
    assert list(secrets_of(Source, '{"token": null}')) == []


def test_the_secrets_of_a_row_are_told_as_they_stand() -> None:
    assert list(secrets_of(Account, encoded(ACCOUNT, UNSEALED))) == ["key-of-acme", "s3cr3t-of-acme", "signing-of-acme"]
    assert list(secrets_of(Account, encoded(Account(id=ACME), Seals(NEW)))) == []
