"""Reads the one form that a page posts."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from mcp_local.broker.loopback.http import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.broker.loopback.http import Request

_FORM = "application/x-www-form-urlencoded"
_FIELDS = 20
"""The authority sends at most half a dozen."""


def parse_form(request: Request) -> Mapping[str, str]:
    """Return the fields, each of which occurs once (O1: no doubled ``state``).

    Raises:
        Refused: it is no such form.
    """
    content_type, _, _ = request.headers.get("content-type", "").partition(";")
    if content_type.strip().lower() != _FORM:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A form is expected here.")
    try:
        fields = parse_qsl(
            request.body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_FIELDS,
        )
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "The form can't be read.") from error
    form = dict(fields)
    if len(form) != len(fields):
        raise Refused(HTTPStatus.BAD_REQUEST, "The form has a field twice.")
    return form
