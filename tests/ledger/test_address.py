"""A URL names one server, the sentinels that know it, or some nodes of a Cluster; what it cannot mean is refused."""

from pathlib import Path

import pytest
import trustme
from redis.asyncio import Redis

from consent.errors import Misconfigured
from consent.ledger.address import Address, Cluster, Sentinels, Tls, location_of


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://store.example", Address("store.example")),
        ("redis://store.example:6380/3", Address("store.example", 6380, database=3)),
        ("redis://:s%20cret@store.example", Address("store.example", password="s cret")),
        ("redis://ann:s3cret@store.example", Address("store.example", username="ann", password="s3cret")),
        ("rediss://store.example", Address("store.example", tls=Tls())),
        ("rediss://store.example?ssl_check_hostname=false", Address("store.example", tls=Tls(checks_hostname=False))),
        ("unix:///run/store.sock", Address("localhost", path="/run/store.sock")),
        ("unix://:s3cret@/run/store.sock?db=2", Address("localhost", 6379, "/run/store.sock", "", "s3cret", 2)),
    ],
)
def test_one_server_is_named_as_redis_py_names_it(url: str, address: Address) -> None:
    assert location_of(url) == address


@pytest.mark.parametrize(
    ("url", "sentinels"),
    [
        (
            "redis+sentinel://one,two:5000/relay",
            Sentinels("relay", (Address("one", 26379), Address("two", 5000)), Address()),
        ),
        (
            "redis+sentinel://ann:s3cret@[::1]:5000/relay/2",
            Sentinels("relay", (Address("::1", 5000),), Address(username="ann", password="s3cret", database=2)),
        ),
        (
            "redis+sentinel://:s3cret@one/relay?db=1&sentinel_username=eve&sentinel_password=p%40ss",
            Sentinels(
                "relay",
                (Address("one", 26379, username="eve", password="p@ss"),),
                Address(password="s3cret", database=1),
            ),
        ),
        ("rediss+sentinel://one/relay", Sentinels("relay", (Address("one", 26379, tls=Tls()),), Address(tls=Tls()))),
    ],
)
def test_sentinels_are_named_with_the_service_they_watch(url: str, sentinels: Sentinels) -> None:
    assert location_of(url) == sentinels


@pytest.mark.parametrize(
    ("url", "cluster"),
    [
        ("redis+cluster://one,two:7001", Cluster((Address("one"), Address("two", 7001)))),
        ("redis+cluster://ann:s3cret@one/", Cluster((Address("one", username="ann", password="s3cret"),))),
        ("rediss+cluster://one", Cluster((Address("one", tls=Tls()),))),
    ],
)
def test_a_cluster_is_named_by_some_of_its_nodes(url: str, cluster: Cluster) -> None:
    assert location_of(url) == cluster


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("memcached://one", r"expected redis://"),
        ("redis://one:port", r"expected redis://"),
        ("redis+sentinel://one:26379", "needs the service's name"),
        ("redis://one/main", 'database is a number, as in redis://host:6379/0; got "main"'),
        ("rediss://one/1/2", 'database is a number, .*; got "1/2"'),
        ("redis://one/-1", "database is a number"),
        ("redis://one?db=main", r'database is a number, as in \?db=0; got "main"'),
        ("unix:///run/store.sock?db=x", 'database is a number, .*; got "x"'),
        ("redis+sentinel://one/relay/main", 'database is a number, .*; got "main"'),
        ("redis+sentinel://one/relay?db=x", 'database is a number, .*; got "x"'),
        ("redis+sentinel://one,,two/relay", "expected hosts as in host:26379"),
        ("redis+cluster://one:port", "expected hosts as in host:6379"),
        ("redis+cluster://", "expected hosts"),
        ("redis+cluster://one/1", "has no databases"),
        ("redis+cluster://one?db=1", 'unknown option "db" for redis\\+cluster://: there are none'),
        ("redis://one?ssl_ca_cert=x", 'unknown option "ssl_ca_cert" for redis://: known are db'),
        ("rediss://one?ssl_ca_certs=/nowhere/ca.pem", "ssl_.* cannot be used"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_remedy(url: str, remedy: str) -> None:
    with pytest.raises(Misconfigured, match=rf"store\.url: .*{remedy}"):
        location_of(url)


def test_the_files_of_a_client_certificate_are_used_by_both_ways_in(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("relay.example.com")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "relay.pem"))
    location = location_of(f"rediss://one?ssl_certfile={tmp_path}/relay.pem")

    assert isinstance(location, Address)
    assert location.tls is not None
    assert location.tls.context().check_hostname
    assert Redis(host="one", **location.access()).connection_pool.connection_kwargs["ssl_certfile"]


def test_an_address_does_not_show_its_password() -> None:
    assert "s3cret" not in repr(location_of("redis+cluster://:s3cret@store.example"))


def test_an_address_is_named_for_messages() -> None:
    assert [Address("one", 7).name, Address(path="/run/s").name] == ["one:7", "/run/s"]


def test_half_a_password_is_not_shown_as_a_database() -> None:
    with pytest.raises(Misconfigured, match="is written %2F") as refused:
        location_of("redis://ann:12/s3cret@store.example")

    assert "s3cret" not in str(refused.value)


async def test_one_server_stays_where_it_is() -> None:
    address = Address("one")

    assert await address.found() is address
    assert address.at("two", 7) == Address("two", 7)
