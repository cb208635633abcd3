"""Who misspells a name is told the one he meant, and nobody is told one that he cannot have meant."""

import pytest

from consent.directory import Directory
from consent.model import Account, AccountId, EndpointId
from console.lookup import account_meant, endpoint_meant
from console.refusals import NoSuch, Unfit
from tests.builders import an_endpoint


def known(*names: str) -> Directory:
    accounts = sorted({name.partition("/")[0] for name in names})
    endpoints = [an_endpoint(id=EndpointId(name), account=AccountId(name.partition("/")[0])) for name in names]
    return Directory.of(1, accounts=[Account(id=AccountId(each)) for each in accounts], endpoints=endpoints)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("acme/crn", "acme/crm"), ("acne/crm", "acme/crm"), ("crn", "acme/crm"), ("demo/archve", "demo/archive")],
)
def test_a_misspelled_name_leads_to_the_one_that_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(NoSuch, match=f"there is no endpoint {typed}; did you mean {meant}[?]"):
        endpoint_meant(known("acme/crm", "demo/y", "demo/archive"), typed)


def test_an_account_in_common_makes_no_likeness() -> None:
    with pytest.raises(NoSuch, match="there is no endpoint demo/nope; there are: demo/y, demo/archive"):
        endpoint_meant(known("demo/y", "demo/archive"), "demo/nope")
    with pytest.raises(NoSuch, match="there is no endpoint demo/nope; there are: demo2/y"):
        endpoint_meant(known("demo2/y"), "demo/nope")


def test_an_account_is_found_by_likeness_too() -> None:
    with pytest.raises(NoSuch, match=r"did you mean acme[?]"):
        account_meant(known("acme/crm"), "acne")


def test_a_name_that_several_accounts_have_is_asked_for_in_full() -> None:
    with pytest.raises(Unfit, match="several accounts have an endpoint crm: say acme/crm or demo/crm"):
        endpoint_meant(known("acme/crm", "demo/crm"), "crm")
