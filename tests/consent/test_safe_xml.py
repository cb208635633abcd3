"""Is hostile XML refused, in every encoding, before it costs anything?"""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import Refused, TooLarge
from consent.safe_xml import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, parse

ENCODINGS = ("utf-8", "utf-16", "utf-32")
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE l [<!ENTITY l0 "haha haha ha">{LAUGHS}]>'
LONG_ENTITY = f'<!DOCTYPE l [<!ENTITY a "{"a" * 100_000}">]>'
CHAIN = "".join(f'<!ENTITY c{n} "&c{n - 1};">' for n in range(1, 9000))

MARKUP = st.lists(
    st.sampled_from(
        [
            "<a>",
            "</a>",
            "<a/>",
            "<!DOCTYPE a [",
            "]>",
            '<!ENTITY e "x">',
            "&e;",
            "&#0;",
            "<?x?>",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "é",
        ]
    )
).map("".join)


@pytest.mark.parametrize(
    "document",
    [
        BOMB + "<l>&l9;</l>",
        BOMB + '<l x="&l9;"/>',
        BOMB + "<l/>",
        LONG_ENTITY + f"<l>{'&a;' * 20_000}</l>",
        LONG_ENTITY + f'<l x="{"&a;" * 20_000}"/>',
        f'<!DOCTYPE l [<!ENTITY c0 "x">{CHAIN}]><l>&c8999;</l>',
        '<!DOCTYPE l [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd">%p;]><l/>',
        '<!DOCTYPE l SYSTEM "http://127.0.0.1:9/x.dtd"><l/>',
        "<!DOCTYPE html><l/>",
        f"<!DOCTYPE l [<!ATTLIST l x CDATA '{'a' * 100_000}'>]><l/>",
    ],
    ids=[
        "laughs",
        "in-attribute",
        "unused",
        "quadratic",
        "quadratic-attribute",
        "chain",
        "external",
        "dtd",
        "html",
        "attlist",
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_document_type_is_refused_at_once_in_every_encoding(document: str, encoding: str) -> None:
    data = document.encode(encoding)
    began = time.process_time()

    with pytest.raises(Refused):
        parse(data, max_bytes=len(data))

    assert time.process_time() - began < 0.05


def test_no_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the-secret")

    with pytest.raises(Refused) as refusal:
        parse(f'<!DOCTYPE l [<!ENTITY a SYSTEM "{secret.as_uri()}">]><l>&a;</l>'.encode())

    assert "the-secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "data", [b"", b" ", b"plain", b"<l>", b"<l>&nbsp;</l>", b"<l/><l/>", b"\xff\xfe", b"<l>\xff</l>", b"<l>&#0;</l>"]
)
def test_what_is_not_well_formed_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="not well-formed"):
        parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b" " * (MAX_BYTES + 1),
        b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1),
        b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>",
    ],
    ids=["bytes", "depth", "elements"],
)
def test_more_than_we_read_is_too_large(data: bytes) -> None:
    with pytest.raises(TooLarge):
        parse(data)


def test_depth_without_end_is_refused() -> None:
    with pytest.raises(Refused):
        parse(b"<a>" * 80_000)


def test_as_much_as_we_read_is_read() -> None:
    deep = parse(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH)
    wide = parse(b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>")

    assert sum(1 for _ in deep.iter()) == MAX_DEPTH
    assert len(wide) == MAX_ELEMENTS - 1


def test_a_caller_may_read_less() -> None:
    with pytest.raises(TooLarge):
        parse(b"<l>hello</l>", max_bytes=11)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_decent_document_is_read_in_every_encoding(encoding: str) -> None:
    assert parse("<l>déjà &amp; vu</l>".encode(encoding)).text == "déjà & vu"


def test_white_space_before_the_declaration_is_forgiven() -> None:
    assert parse(b"\r\n  <?xml version='1.0'?><l>x</l>").text == "x"


def test_a_comment_or_an_instruction_does_not_cut_a_value() -> None:
    assert parse(b"<!-- hi --><l>16502<!-- cut -->42<?cut?>6055</l>").text == "16502426055"


@given(st.binary(max_size=200) | MARKUP.map(str.encode) | MARKUP.map(lambda text: text.encode("utf-16")))
def test_any_bytes_are_a_tree_or_refused(data: bytes) -> None:
    try:
        root = parse(data)
    except Refused:
        return

    assert all(isinstance(element.tag, str) for element in root.iter())
