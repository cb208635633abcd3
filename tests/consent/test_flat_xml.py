"""A flat document is read exactly as the parser reads it; any other bytes are nobody's here."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import postback
from consent.errors import Refused, TooLarge
from consent.flat_xml import read
from consent.model import UnixMs
from consent.postback import Postback, encode
from consent.safe_xml import parse

FLAT = b"<POSTBACK>\n  <CODE>N302</CODE>\n  <MOBILE> 1650 </MOBILE><TITLE></TITLE>\n</POSTBACK>"
FIELDS = {"CODE": "N302", "MOBILE": "1650", "TITLE": ""}

PIECES = st.sampled_from(
    [
        *("<POSTBACK>", "</POSTBACK>", "<A>", "</A>", "<B>", "</B>", "<A>one</A>", "<B>two</B>", "<C>\n</C>", "<D/>"),
        *("text", " ", "\n", "\r\n", "\t", "&amp;", "&", "<", ">", "]]>", "<!--", "-->", "<![CDATA[", "é"),
        *("\0", "\x7f", "<?xml version='1.0'?>", '<?xml version="1.0" encoding="utf-8"?>', "<?pi?>"),
        *("<!DOCTYPE POSTBACK>", "<a>", "</a>", "<A x='1'>", "<x:A>", "</A >", "<NOTIFICATION>", "</NOTIFICATION>"),
        "\ufeff",
    ]
)
MARKUP = st.lists(PIECES).map("".join)
DOCUMENTS = MARKUP | MARKUP.map(lambda inside: f"<POSTBACK>{inside}</POSTBACK>")


def by_the_parser(data: bytes) -> dict[str, str]:
    root = parse(data)
    assert (root.tag, dict(root.attrib), root.text and root.text.strip()) in (
        ("POSTBACK", {}, ""),
        ("POSTBACK", {}, None),
    )
    assert not any(len(child) or child.attrib or (child.tail or "").strip() for child in root)
    fields = {str(child.tag): (child.text or "").strip() for child in root}
    assert len(fields) == len(root)
    return fields


def test_a_flat_document_is_read_whole() -> None:
    assert read(FLAT, "POSTBACK") == FIELDS


@pytest.mark.parametrize(
    "declaration",
    [
        b"<?xml version='1.0'?>",
        b'<?xml version="1.0"?>\r\n',
        b'\n <?xml version="1.0" encoding="UTF-8"?>',
        b"<?xml version='1.0' encoding='utf-8' ?>\t",
    ],
)
def test_it_may_say_that_it_is_xml(declaration: bytes) -> None:
    assert read(declaration + FLAT + b"\n", "POSTBACK") == FIELDS == by_the_parser(declaration + FLAT + b"\n")


def test_what_we_write_ourselves_is_flat() -> None:
    written = Postback(code="N301", msisdn="1650", campaign="1116", timestamp=UnixMs(0), title="News", source="MO")

    assert read(encode(written), "POSTBACK") is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<POSTBACK></POSTBACK>",
        b"<POSTBACK>N302</POSTBACK>",
        b"<NOTIFICATION><CODE>N302</CODE></NOTIFICATION>",
        b"<POSTBACK><CODE>N302</CODE>",
        b"<POSTBACK><CODE>N302</CODE></POSTBACK><POSTBACK>",
        b"<POSTBACK><CODE>N302</CODE>text</POSTBACK>",
        b"<POSTBACK><CODE>N302</CODE><CODE>N302</CODE></POSTBACK>",
        b"<POSTBACK><CODE>N302</MOBILE></POSTBACK>",
        b"<POSTBACK><CODE id='1'>N302</CODE></POSTBACK>",
        b"<POSTBACK id='1'><CODE>N302</CODE></POSTBACK>",
        b"<POSTBACK><CODE>N302</CODE><BODY><MOBILE>1650</MOBILE></BODY></POSTBACK>",
        b"<POSTBACK><CODE/></POSTBACK>",
        b"<POSTBACK><code>N302</code></POSTBACK>",
        b"<POSTBACK><CODE>&lt;</CODE></POSTBACK>",
        b"<POSTBACK><CODE>]]></CODE></POSTBACK>",
        b"<POSTBACK><CODE>a\rb</CODE></POSTBACK>",
        b"<POSTBACK><CODE>a\0b</CODE></POSTBACK>",
        b"<POSTBACK><CODE>a<!-- b --></CODE></POSTBACK>",
        b"<!DOCTYPE POSTBACK><POSTBACK><CODE>N302</CODE></POSTBACK>",
        b"<?xml version='1.1'?><POSTBACK><CODE>N302</CODE></POSTBACK>",
        b"<?xml version='1.0' encoding='utf-16'?><POSTBACK><CODE>N302</CODE></POSTBACK>",
        "<POSTBACK><CODE>é</CODE></POSTBACK>".encode(),
        "<POSTBACK><CODE>N302</CODE></POSTBACK>".encode("utf-16"),
        b"<POSTBACK><CODE>" + b"x" * 8192 + b"</CODE></POSTBACK>",
    ],
)
def test_what_is_unusual_is_not_flat(data: bytes) -> None:
    assert read(data, "POSTBACK") is None


@given(DOCUMENTS.map(lambda text: text.encode()))
@settings(max_examples=500)
def test_what_is_flat_is_the_same_to_the_parser(data: bytes) -> None:
    found = read(data, "POSTBACK")

    assert found is None or found == by_the_parser(data)


@given(DOCUMENTS.map(lambda text: text.encode()))
def test_a_postback_says_the_same_either_way(data: bytes) -> None:
    """A leading comment says nothing, but is not flat."""

    def told(document: bytes) -> object:
        try:
            return postback.decode(document)
        except (Refused, TooLarge) as exc:
            return type(exc)

    if read(data, "POSTBACK") is not None and not data.lstrip().startswith(b"<?"):
        assert told(data) == told(b"<!-- -->" + data)
