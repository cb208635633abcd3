"""May this number be texted? What a status means for a sender. Pure."""

from consent.model import Campaign, Status


def may_text(status: Status, campaign: Campaign) -> bool:
    """Of a number that nobody has decided about, the campaign says whether silence is consent. Who was asked, and has
    not answered yet, is not texted: the question was the one text she gets."""
    if status is Status.UNKNOWN:
        return not campaign.requires_opt_in
    return status is Status.OPTED_IN
