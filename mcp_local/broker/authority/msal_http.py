"""The HTTP client that MSAL is handed: ours, with discovery answered from what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcp_local.broker.authority.http import Answer
from mcp_local.broker.authority.refusal import AuthorityDown
from mcp_local.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.broker.authority.http import Http
    from mcp_local.broker.authority.metadata import Documents

_OK = 200


class _Instance(msgspec.Struct, frozen=True):
    aliases: list[str]


class _Instances(msgspec.Struct, frozen=True):
    """The authority's directory of hosts (``/common/discovery/instance``)."""

    metadata: list[_Instance]


class MsalHttp:
    """Sends what MSAL sends; lets nothing back that MSAL would stumble over."""

    def __init__(self, http: Http, documents: Documents) -> None:
        self._http = http
        self._documents = documents

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Answer the OpenID document from what is kept, so that MSAL starts without a network.

        MSAL asks for the aliases of Microsoft's hosts whenever a renewal is refused. Our cache
        holds one host only: where there is no answer, no aliases, and the refusal is what counts.
        """
        if url == self._documents.v2_url:
            return Answer(_OK, msgspec.json.encode(self._documents.v2()).decode(), {})
        try:
            answer = self._http.get(url, params, headers)
            msgspec.json.decode(answer.text, type=_Instances)
        except (Unreachable, msgspec.DecodeError):
            return Answer(_OK, msgspec.json.encode(_Instances([])).decode(), {})
        return answer

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """POST; the answer is a JSON object with something in it.

        Raises:
            Unreachable: the authority doesn't answer; AuthorityDown: it does with something odd,
                at which MSAL would fail, or which it would log with the tokens in it.
        """
        answer = self._http.post(url, params, data, headers)
        try:
            says_something = bool(msgspec.json.decode(answer.text, type=dict[str, object]))
        except msgspec.DecodeError:
            says_something = False
        if says_something:
            return answer
        raise AuthorityDown(
            f"The authority's answer (HTTP status {answer.status_code}) can't be read.",
            hint="Try again in a minute. If it stays, check `authority` and `proxy`.",
        )

    def close(self) -> None:
        """Do nothing: the connections belong to whoever made them."""
