"""What is a status called? As RFC 9110 calls it: before Python 3.13 `http` has the names of its forerunners for some.

https://www.rfc-editor.org/rfc/rfc9110#section-15
"""

from http import HTTPStatus

_CALLED_ANEW = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


def phrase_of(status: int) -> str:
    """ "Not Found". Raises ValueError for a status that there is not."""
    return _CALLED_ANEW.get(status) or HTTPStatus(status).phrase
