"""Erase one number from the store, by hand. Read docs/security.md first: she may be texted again afterwards.

python docs/samples/erase_number.py STORE_URL ACCOUNT NUMBER CAMPAIGN...

Run it where consent-relay is installed, and when nothing is owed about her any more. Then have the server rewrite its
append-only file (BGREWRITEAOF), and mind the backups.
"""

import sys

from redis import Redis

from consent.ledger.keys import Keys, consent_field, partition_of
from consent.model import AccountId, CampaignId, Msisdn


def erase(store: Redis, account: AccountId, number: Msisdn, campaigns: list[CampaignId]) -> None:
    keys = Keys(partition_of(number, int(store.hget("{registry}:meta", "partitions"))))
    for campaign in campaigns:
        store.hdel(keys.consent(account, number), consent_field(number, campaign))
        store.zrem(keys.optout(account, campaign), number)
    for stream in (keys.log, *keys.trails):
        for entry, fields in store.xrange(stream):
            if number.encode() in b"\x1f".join(fields.values()).split(b"\x1f"):
                store.xdel(stream, entry)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit("usage: python docs/samples/erase_number.py STORE_URL ACCOUNT NUMBER CAMPAIGN...")
    url, owner, msisdn, *names = sys.argv[1:]
    erase(Redis.from_url(url), AccountId(owner), Msisdn(msisdn), [CampaignId(name) for name in names])
