import json
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import Refused, TooLarge
from receiver import fields
from receiver.inbound import Inbound

FORM = "application/x-www-form-urlencoded"


def a_get(query: str) -> Inbound:
    return Inbound(method="GET", query=query, content_type="", body=b"")


def a_post(body: bytes, content_type: str = FORM, *, query: str = "") -> Inbound:
    return Inbound(method="POST", query=query, content_type=content_type, body=body)


def a_multipart(*parts: bytes, closing: bytes = b"--edge--\r\n") -> Inbound:
    body = b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + closing
    return a_post(body, "multipart/form-data; boundary=edge")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (a_get("text=STOP+ALL&to=96167"), {"text": "STOP ALL", "to": "96167"}),
        (a_get("api_key=abcd1234&page=1&"), {"api_key": "abcd1234", "page": "1"}),
        (a_get(""), {}),
        (a_get("text=a%26b%3Dc%253A&at=18%3A31%3a33"), {"text": "a&b=c%3A", "at": "18:31:33"}),
        (a_get("text=ARR%C3%8AT"), {"text": "ARRÊT"}),
        (a_get("text=ARR%CAT"), {"text": "ARRÊT"}),
        (a_get("text=ARR\udccaT"), {"text": "ARRÊT"}),
        (a_get("text=100%&flag"), {"text": "100%", "flag": ""}),
        (a_get("text=a=b"), {"text": "a=b"}),
        (a_get("na%6De=x&text=STOP&text=GO"), {"name": "x", "text": "GO"}),
        (a_post(b"text=STOP"), {"text": "STOP"}),
        (a_post(b"text=STOP", FORM + "; charset=UTF-8"), {"text": "STOP"}),
        (a_post(b"text=STOP", ""), {"text": "STOP"}),
        (a_post(b"text=ARR\xcaT"), {"text": "ARRÊT"}),
        (a_post(b"", query="action=subscribe&mobile=16502426055"), {"action": "subscribe", "mobile": "16502426055"}),
        (a_post(b"text=STOP", query="text=GO"), {"text": "STOP"}),
        (a_post(b'{"text":"STOP"}', ""), {"text": "STOP"}),
        (a_post(b'\xef\xbb\xbf\r\n{"text":"STOP"}', FORM), {"text": "STOP"}),
        (a_post(b'{"msisdn":441632960960,"page":2.50,"on":true,"off":false}', "application/json"),
         {"msisdn": "441632960960", "page": "2.50", "on": "true", "off": "false"}),
        (a_post(b'{"text":"STOP","nothing":null,"nested":{"a":[1]}}', "application/json"), {"text": "STOP"}),
        (a_post(b'{"text":"half an emoji \\ud83d"}', "application/json"), {"text": "half an emoji ?"}),
        (a_multipart(b'Content-Disposition: form-data; name="text"\r\n\r\nSTOP'), {"text": "STOP"}),
        (a_multipart(b'Content-Type: a/b\r\ncontent-disposition: form-data; filename="a"; name=text\r\n\r\nA\r\nB'),
         {"text": "A\r\nB"}),
        (a_multipart(), {}),
    ],
)  # fmt: skip
def test_the_parameters_are_what_the_client_meant(request_: Inbound, expected: dict[str, str]) -> None:
    assert fields.of(request_) == expected


@pytest.mark.parametrize("content_type", sorted(fields.JSON_TYPES))
def test_every_documented_json_type_is_json(content_type: str) -> None:
    assert fields.of(a_post(b'{"text":"STOP"}', content_type.upper() + "; charset=UTF-8")) == {"text": "STOP"}


@pytest.mark.parametrize("content_type", ["application/json", ""])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_json_is_read_in_whatever_its_letters_were_sent(encoding: str, content_type: str) -> None:
    assert fields.of(a_post('{"text":"ARRÊT"}'.encode(encoding), content_type)) == {"text": "ARRÊT"}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_a_form_is_one_whatever_its_type_says(content_type: str) -> None:
    assert fields.of(a_post(b"text=STOP&to=1", content_type)) == {"text": "STOP", "to": "1"}


@given(st.dictionaries(st.text(), st.text(), max_size=20))
def test_a_form_reads_as_it_was_written(written: dict[str, str]) -> None:
    encodable = {
        k.encode("utf-8", "replace").decode(): v.encode("utf-8", "replace").decode() for k, v in written.items()
    }

    assert fields.of(a_post(urlencode(encodable).encode())) == encodable


@given(st.text(alphabet="ab%+&=;3AaF2 ", max_size=60))
def test_a_form_reads_as_the_standard_parser_reads_it(raw: str) -> None:
    standard = dict(parse_qsl(raw, keep_blank_values=True, encoding="latin-1"))

    assert {name.encode().decode(): value for name, value in fields.of(a_get(raw)).items()} == _as_latin_1(standard)


def _as_latin_1(given: dict[str, str]) -> dict[str, str]:
    def read(text: str) -> str:
        try:
            return text.encode("latin-1").decode()
        except UnicodeDecodeError:
            return text

    return {read(name): read(value) for name, value in given.items()}


@pytest.mark.parametrize(
    "request_",
    [
        a_post(b"[1]", "application/json"),
        a_post(b'"text"', "application/json"),
        a_post(b'{"text":', ""),
        a_post(b'{"a":' * 20_000, "application/json"),
        a_post(b"[" * 20_000, "application/json"),
        a_post(b"text=STOP", "multipart/form-data"),
        a_multipart(b'Content-Disposition: form-data; name="text"\r\n\r\nSTO', closing=b""),
        a_multipart(b"Content-Type: text/plain\r\n\r\nSTOP"),
        a_multipart(b'Content-Disposition: form-data; name="text"'),
        a_post(b"no delimiter", "multipart/form-data; boundary=edge"),
        a_get("text=\ud800"),
    ],
)
def test_what_cannot_be_read_is_refused(request_: Inbound) -> None:
    with pytest.raises(Refused):
        fields.of(request_)


@pytest.mark.parametrize(
    "request_",
    [
        a_get("&" * fields.MAX_FIELDS),
        a_post("&".join(f"f{i}=" for i in range(fields.MAX_FIELDS + 1)).encode()),
        a_post(json.dumps({f"f{i}": "" for i in range(fields.MAX_FIELDS + 1)}).encode(), "text/json"),
        a_multipart(*[b'Content-Disposition: form-data; name="f"\r\n\r\n'] * (fields.MAX_FIELDS + 1)),
        a_multipart(b"content-disposition: " * 1_000 + b"\r\n\r\n"),
    ],
)
def test_more_than_a_provider_ever_sends_is_too_large(request_: Inbound) -> None:
    with pytest.raises(TooLarge):
        fields.of(request_)


def test_as_many_fields_as_allowed_are_read() -> None:
    names = [f"f{i}" for i in range(fields.MAX_FIELDS)]

    assert len(fields.of(a_get("=1&".join(names) + "=1"))) == fields.MAX_FIELDS
    assert len(fields.of(a_post(json.dumps(dict.fromkeys(names, "1")).encode(), "text/json"))) == fields.MAX_FIELDS
    assert (
        len(fields.of(a_multipart(*[f'Content-Disposition: form-data; name="{n}"\r\n\r\n1'.encode() for n in names])))
        == fields.MAX_FIELDS
    )


@given(st.binary(max_size=300), st.text(max_size=40), st.text(max_size=60), st.sampled_from(["GET", "POST", "PUT"]))
def test_any_request_has_encodable_fields_or_is_refused(
    body: bytes, content_type: str, query: str, method: str
) -> None:
    request_ = Inbound(method=method, query=query, content_type=content_type, body=body)
    try:
        read = fields.of(request_)
    except Refused:
        return

    assert all((name + value).encode() is not None for name, value in read.items())


@pytest.mark.parametrize(
    ("request_", "document"),
    [
        (a_post(b"<A>+%41&amp;</A>"), b"<A>+%41&amp;</A>"),
        (a_post(b"\xef\xbb\xbf\n <A/>", "text/xml"), b"<A/>"),
        (a_post(b"xml=%3CA%2F%3E"), b"<A/>"),
        (a_post(b"other=1&Xml=%3CA%2F%3E"), b"<A/>"),
        (a_get("XML=%3CA%2F%3E"), b"<A/>"),
        (a_multipart(b'Content-Disposition: form-data; name="XML"\r\n\r\n<A/>'), b"<A/>"),
        (a_post(b"xml=%3C%3Fxml+version%3D'1.0'+encoding%3D'ISO-8859-1'%3F%3E%0A%3CA%3E%EA%3C%2FA%3E"),
         "<A>ê</A>".encode()),
        (a_post("<A/>".encode("utf-16")), "<A/>".encode("utf-16")),
        (a_post("<A/>".encode("utf-16-be")), "<A/>".encode("utf-16-be")),
        (a_post(b"text=STOP"), None),
    ],
)  # fmt: skip
def test_xml_is_found_wherever_clients_put_it(request_: Inbound, document: bytes | None) -> None:
    assert fields.xml_of(request_) == document
