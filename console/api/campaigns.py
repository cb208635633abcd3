"""Campaigns: what people subscribe to, and stop."""

from config.tables import CampaignTable
from consent.model import Campaign
from console import judging, registering
from console.api.operation import Call, Operation, Page, Paging, paged
from console.api.patches import CampaignPatch
from console.registering import Removed, campaign_of
from console.server.scopes import Scope

_ONE = "/api/v1/campaigns/{account}/{name}"


async def _list(call: Call) -> Page[Campaign]:
    campaigns = list((await call.desk.directory()).campaigns.values())
    return paged(campaigns, lambda campaign: f"{campaign.account}/{campaign.id}", call.asked(Paging))


async def _get(call: Call) -> Campaign:
    return campaign_of(await call.desk.directory(), call.path["account"], call.path["name"])


async def _add(call: Call) -> Campaign:
    new = judging.campaign(call.table)
    await registering.add(call.desk, new)
    return new


async def _change(call: Call) -> Campaign:
    return await registering.change_campaign(call.desk, call.path["account"], call.path["name"], call.table)


async def _remove(call: Call) -> Removed:
    return await registering.remove_campaign(call.desk, call.path["account"], call.path["name"])


OPERATIONS = (
    Operation(
        name="listCampaigns",
        method="GET",
        path="/api/v1/campaigns",
        tag="campaigns",
        summary="All campaigns, with those that webhooks discovered.",
        scope=Scope.READ,
        handle=_list,
        query=Paging,
        answers=Page[Campaign],
    ),
    Operation(
        name="addCampaign",
        method="POST",
        path="/api/v1/campaigns",
        tag="campaigns",
        summary="Register a campaign, or fill in one that a webhook discovered.",
        scope=Scope.ADMIN,
        handle=_add,
        body=CampaignTable,
        is_table=True,
        answers=Campaign,
        status=201,
        conflicts=True,
    ),
    Operation(
        name="getCampaign",
        method="GET",
        path=_ONE,
        tag="campaigns",
        summary="One campaign.",
        scope=Scope.READ,
        handle=_get,
        answers=Campaign,
    ),
    Operation(
        name="changeCampaign",
        method="PATCH",
        path=_ONE,
        tag="campaigns",
        summary="Change what is sent, leave the rest. Null takes a key back to its default.",
        scope=Scope.ADMIN,
        handle=_change,
        body=CampaignPatch,
        is_table=True,
        answers=Campaign,
        conflicts=True,
    ),
    Operation(
        name="removeCampaign",
        method="DELETE",
        path=_ONE,
        tag="campaigns",
        summary="Remove a campaign. What is known of its numbers stays, and counts again when it comes back.",
        scope=Scope.ADMIN,
        handle=_remove,
        answers=Removed,
        conflicts=True,
    ),
)
