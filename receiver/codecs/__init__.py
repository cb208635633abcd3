"""Who says what, and how? One module per provider's dialect; this table is the list of them."""

from receiver.codecs import nexmo, skycore
from receiver.codecs.codec import Codec

CODECS: dict[str, Codec] = {
    "nexmo": nexmo,
    "skycore": skycore,
}
