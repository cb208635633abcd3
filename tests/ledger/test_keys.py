"""Every key of one recipient lies in one slot, and an event's name leads back to its place in the log."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.keys import (
    CLOCK_SKEW_MS,
    CONSENT_BUCKETS,
    REGISTRY_CHANGES,
    REGISTRY_META,
    REGISTRY_VERSION,
    SEEN_SLICE_MS,
    Keys,
    bucket_of,
    consent_field,
    event_id,
    event_place,
    partition_of,
    place_among_all,
    registry_table,
)
from consent.model import AccountId, CampaignId, EndpointId, EventId, Msisdn, Partition, UnixMs
from tests.builders import ACME, ALERTS, ANN, BOB

CRM = EndpointId("acme/crm")
TURN = UnixMs(1000 * SEEN_SLICE_MS)


def slot_tag(key: str) -> str:
    """What a Cluster hashes: the text between the first brace and the next."""
    found = re.search(r"\{([^}]+)\}", key)
    assert found is not None
    return found[1]


@given(
    account=st.text(),
    campaign=st.text(),
    msisdn=st.text(),
    endpoint=st.text(),
    now=st.integers(0, 2**42),
    group=st.text(),
)
def test_all_keys_of_a_partition_lie_in_one_slot_whatever_they_are_named_after(
    account: str, campaign: str, msisdn: str, endpoint: str, now: int, group: str
) -> None:
    keys, number, name = Keys(Partition(7)), Msisdn(msisdn), EndpointId(endpoint)
    built = [
        *(keys.log, keys.origins, keys.routed, keys.next, keys.leased, *keys.trails, keys.partials),
        keys.parts(group),
        keys.consent(AccountId(account), number),
        keys.optout(AccountId(account), CampaignId(campaign)),
        *keys.seen(number, UnixMs(now)),
        *(keys.due(name), keys.heads(name), keys.lane(name, number), keys.dead(name), keys.graves(name)),
    ]

    assert {slot_tag(key) for key in built} == {"7"}
    assert len(set(built)) == len(built)


def test_the_registry_lies_in_one_slot() -> None:
    keys = (REGISTRY_VERSION, REGISTRY_CHANGES, REGISTRY_META, registry_table("sources"))

    assert {slot_tag(key) for key in keys} == {"registry"}


@given(msisdn=st.text(), partitions=st.integers(1, 1024))
def test_a_number_has_one_partition_of_those_there_are(msisdn: str, partitions: int) -> None:
    assert 0 <= partition_of(msisdn, partitions) < partitions


def test_numbers_spread_evenly_over_the_partitions() -> None:
    counts = [0] * 16
    for n in range(16_000):
        counts[partition_of(f"1650{n:07}", 16)] += 1

    assert min(counts) > 900
    assert max(counts) < 1100


@pytest.mark.parametrize(
    ("now", "slices"),
    [
        (TURN, [1000, 999]),
        (TURN - CLOCK_SKEW_MS - 1, [999, 998]),
        (TURN - CLOCK_SKEW_MS, [999, 998, 1000]),
        (TURN - 1, [999, 998, 1000]),
    ],
)
def test_around_the_turn_of_a_slice_the_next_one_is_asked_too(now: int, slices: list[int]) -> None:
    named = Keys(Partition(0)).seen(ANN, UnixMs(now))

    assert [int(name.split(":")[2]) for name in named] == slices


@given(partition=st.integers(0, 4095), ms=st.integers(0, 2**48), counter=st.integers(0, 2**32))
def test_an_event_is_found_by_its_name(partition: int, ms: int, counter: int) -> None:
    place = (Partition(partition), f"{ms}-{counter}")

    name = event_id(*place)

    assert event_place(name) == place
    assert "." not in name


@pytest.mark.parametrize(
    "name",
    [
        *("", "evt", "evt_1_2", "evt_1_2_3_4", "msg_1_2_3", "evt_x_2_3", "evt_1_-2_3", "evt_1_2_+", "evt_1_2_²"),
        *("evt_1_2_١", "evt_2_99999999999999999999_0", "evt_2_1_18446744073709551616", "evt_1_2_3\n"),
    ],
)
def test_what_is_no_event_id_has_no_place(name: str) -> None:
    assert event_place(EventId(name)) is None


def test_two_campaigns_of_a_number_are_two_fields() -> None:
    assert consent_field(ANN, ALERTS) != consent_field(BOB, ALERTS) != consent_field(ANN, CampaignId("news"))
    assert Keys(Partition(0)).consent(ACME, ANN) == Keys(Partition(0)).consent(ACME, ANN)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 64), st.integers(0, 2**43))
def test_who_knows_the_bucket_names_the_same_keys(msisdn: str, partitions: int, now: int) -> None:
    partition, bucket = divmod(place_among_all(msisdn, partitions), CONSENT_BUCKETS)
    keys, number, at = Keys(partition_of(msisdn, partitions)), Msisdn(msisdn), UnixMs(now)

    assert (keys.partition, bucket_of(msisdn)) == (partition, bucket)
    assert keys.consent(ACME, number) == keys.consent_bucket(ACME, bucket)
    assert keys.seen(number, at) == keys.seen_in(bucket, at)
