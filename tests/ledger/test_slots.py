"""Every key is looked for where a Cluster keeps it; a master whose host nobody can name is passed over."""

from hypothesis import given
from hypothesis import strategies as st
from redis.cluster import key_slot

from consent.ledger.address import Address, Cluster
from consent.ledger.keys import REGISTRY_META, Keys
from consent.ledger.slots import SlotMap, ranges, slot_of
from consent.model import Partition

ASKED = Address("10.0.0.1", 7000)


@given(st.one_of(st.text(), st.text(alphabet="{}ab", max_size=6)))
def test_a_slot_is_the_one_that_redis_py_finds(key: str) -> None:
    assert slot_of(key) == key_slot(key.encode())


def test_keys_of_one_partition_share_a_slot_and_partitions_are_spread() -> None:
    keys = [Keys(Partition(p)) for p in range(64)]

    assert all(slot_of(each.log) == slot_of(each.leased) for each in keys)
    assert len({slot_of(each.log) // 5462 for each in keys}) == 3
    assert slot_of(REGISTRY_META) == slot_of("{registry}:version")


def test_masters_are_read_from_what_a_node_says() -> None:
    reply = [
        [0, 99, [b"10.0.0.2", 7001, b"name", []], [b"10.0.0.3", 7002, b"its replica", []]],
        [100, 199, [b"", 7003, b"the one we asked", []]],
        [200, 299, [None, 7004, b"likewise", []]],
        [300, 399, [b"?", 7005, b"whose host nobody knows", []]],
    ]

    assert list(ranges(reply, ASKED)) == [
        (0, 99, Address("10.0.0.2", 7001)),
        (100, 199, Address("10.0.0.1", 7003)),
        (200, 299, Address("10.0.0.1", 7004)),
    ]


def test_nothing_is_known_before_somebody_was_asked() -> None:
    slots = SlotMap(Cluster((ASKED,)))

    assert slots.master_of("{0}:log") is None
    assert slots.masters == []
