"""Who says what, and how? One module per provider's dialect; this table is the list of them."""

from receiver.codecs import aws, bandwidth, infobip, nexmo, plivo, sinch, skycore, telnyx, twilio, vonage_messages
from receiver.codecs.codec import Codec

CODECS: dict[str, Codec] = {
    "nexmo": nexmo,
    "skycore": skycore,
    "vonage-messages": vonage_messages,
    "twilio": twilio,
    "plivo": plivo,
    "sinch": sinch,
    "telnyx": telnyx,
    "bandwidth": bandwidth,
    "infobip": infobip,
    "aws": aws,
}

HEADERS = frozenset(name for codec in CODECS.values() for name in codec.HEADERS)
"""What of a request's head is carried to a codec, besides its content type."""
