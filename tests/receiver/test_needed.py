"""What was pasted into the wrong field at a provider is told as such, with the remedy."""

import json
from urllib.parse import urlencode

import pytest

from consent.errors import Refused, StoreUnavailable, TooLarge, Unverified
from receiver.codecs import CODECS
from receiver.codecs.codec import Reply, reply_by_status
from receiver.inbound import Inbound

A_CALL = {"From": "+14155552671", "To": "+18005550100", "CallStatus": "ringing"}
OF_SMS = {"msisdn": "14155552671", "to": "18005550100", "messageId": "0A01", "text": "STOP"}
OF_MESSAGES = {"message_uuid": "aa-bb", "from": "14155552671", "to": "18005550100", "channel": "sms", "text": "STOP"}
VOICE = {"uuid": "aa", "conversation_uuid": "CON-aa", "from": "14155552671", "to": "18005550100"}


@pytest.mark.parametrize(
    ("provider", "said", "remedy"),
    [
        ("nexmo", OF_MESSAGES, "choose the SMS API"),
        ("nexmo", VOICE, "inbound SMS webhook"),
        ("vonage-messages", OF_SMS, "choose the Messages API"),
        ("vonage-messages", VOICE, "inbound URL of Messages"),
        ("twilio", {**A_CALL, "CallSid": "CA1"}, "where a message comes in"),
        (
            "twilio",
            {"Author": "+14155552671", "Body": "STOP", "MessageSid": "IM1", "ConversationSid": "CH1"},
            "Messaging",
        ),
        ("plivo", {**A_CALL, "CallUUID": "u1"}, "message URL"),
        ("sinch", {"app_id": "a", "message": {"contact_message": {"text_message": {"text": "STOP"}}}}, "service plan"),
        ("telnyx", {"sms_id": "1", "direction": "inbound", "from": "+14155552671", "body": "STOP"}, "version 2"),
    ],
)
def test_what_brings_no_texts_says_what_to_paste_where(provider: str, said: dict[str, object], remedy: str) -> None:
    is_form = provider in {"twilio", "plivo"}
    body = urlencode(said) if is_form else json.dumps(said)
    content_type = "application/x-www-form-urlencoded" if is_form else "application/json"

    with pytest.raises(Refused, match=remedy):
        CODECS[provider].decode(Inbound(method="POST", query="", content_type=content_type, body=body.encode()))


def test_what_is_wrong_is_told_in_the_answer_and_nothing_to_who_has_proved_nothing() -> None:
    text = "text/plain; charset=utf-8"

    assert reply_by_status(None, retry_after=5) == Reply(status=200)
    assert reply_by_status(Refused("no To: …"), retry_after=5) == Reply(
        status=400, body="no To: …".encode(), content_type=text
    )
    assert reply_by_status(TooLarge("too long"), retry_after=5) == Reply(status=413)
    assert reply_by_status(Unverified("secret"), retry_after=5) == Reply(status=403)
    assert reply_by_status(StoreUnavailable("away"), retry_after=5) == Reply(status=503, retry_after=5)
