"""A remote server that quotes what it was sent tells the client no token (SECURITY.md M14)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mcp_local.guard.bridge.credential import Challenge
from mcp_local.guard.bridge.discretion import Discreet
from tests.support.bridge import Noted, bridge
from tests.support.scripted import HELLO, Exchange, scripted, well_behaved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


CANARY = "eyJ0eXAiOiJKV1QifQ.canary-canary-canary.c2lnbmF0dXJl"


class Shows:
    """A credential that shows one value after the other; a refusal brings the next."""

    def __init__(self, *values: str, header: str = "Authorization") -> None:
        self._values = list(values)
        self._header = header

    def headers(self, *, wait: float) -> Mapping[str, str]:
        """Return the header."""
        del wait
        return {self._header: self._values[0]}

    def renew(self, shown: Mapping[str, str], challenge: Challenge, *, wait: float) -> None:
        """Go on to the next."""
        del shown, challenge, wait
        self._values.pop(0)


def _quote(exchange: Exchange) -> str:
    return f"you sent {exchange.came.headers['authorization']}"


def _as_result(exchange: Exchange) -> None:
    exchange.result({"text": _quote(exchange), _quote(exchange): 1})


def _as_error(exchange: Exchange) -> None:
    error = {"code": -32000, "message": _quote(exchange)}
    body = {"jsonrpc": "2.0", "id": exchange.came.message["id"], "error": error}
    exchange.answer(400, json.dumps(body).encode(), Content_Type="application/json")


def _as_events(exchange: Exchange) -> None:
    params = {"level": "info", "data": _quote(exchange)}
    exchange.begin_events()
    exchange.event({"jsonrpc": "2.0", "method": "notifications/message", "params": params})
    exchange.event({"jsonrpc": "2.0", "id": exchange.came.message["id"], "result": {}})


@pytest.mark.parametrize("way", [_as_result, _as_error, _as_events])
@pytest.mark.parametrize("header", ["Authorization", "authorization"])
def test_the_token_comes_back_in_no_message(
    tmp_path: Path, way: Callable[[Exchange], None], header: str
) -> None:
    """Not in a result, an error or news; the rest of the message is as it was."""

    def script(exchange: Exchange) -> None:
        is_call = exchange.came.message.get("method") == "tools/call"
        (way if is_call else well_behaved)(exchange)

    credential = Shows(f"Bearer {CANARY}", header=header)
    with scripted(script) as server, bridge(server.url, credential, home=tmp_path) as here:
        here.open()
        here.ask("tools/call")
        here.ask("tools/call")
    heard = json.dumps(here.heard)
    assert "canary" not in heard
    assert "you sent Bearer (redacted)" in heard
    assert [name for name, _ in here.log.lines].count("remote_token_echoed") == 1
    assert "canary" not in str(here.log.lines)


def test_no_error_tells_a_key(tmp_path: Path) -> None:
    """Not to the client, and not to the log, which knows only tokens by their looks."""
    key = "a-key-of-more-than-twenty-letters"

    def script(exchange: Exchange) -> None:
        if exchange.came.message.get("method") == "tools/call":
            exchange.answer(307, Location=f"https://elsewhere.example/{key}")
        else:
            well_behaved(exchange)

    credential = Shows(key, header="X-Api-Key")
    with scripted(script) as server, bridge(server.url, credential, home=tmp_path) as here:
        here.open()
        assert "elsewhere.example/(redacted)" in json.dumps(here.ask("tools/call"))
    assert "elsewhere.example/(redacted)" in str(here.log.lines)
    assert key not in str(here.log.lines)


def test_the_handshake_tells_no_token(tmp_path: Path) -> None:
    """What the server says of itself goes to the model, too."""

    def script(exchange: Exchange) -> None:
        if exchange.came.message.get("method") == "initialize":
            exchange.result({**HELLO, "instructions": _quote(exchange)})
        else:
            well_behaved(exchange)

    credential = Shows(f"Bearer {CANARY}")
    with scripted(script) as server, bridge(server.url, credential, home=tmp_path) as here:
        assert here.open()["result"]["instructions"] == "you sent Bearer (redacted)"


def test_the_token_before_is_not_told_either(tmp_path: Path) -> None:
    """A refused or renewed one may be good for an hour."""

    def script(exchange: Exchange) -> None:
        if "canary" in exchange.came.headers["authorization"]:
            exchange.answer(401)
        elif exchange.came.message.get("method") == "tools/call":
            exchange.result({"before": CANARY})
        else:
            well_behaved(exchange)

    credential = Shows(f"Bearer {CANARY}", "Bearer another-token-of-the-same-person")
    with scripted(script) as server, bridge(server.url, credential, home=tmp_path) as here:
        here.open()
        assert here.ask("tools/call")["result"] == {"before": "(redacted)"}


def test_few_tokens_are_remembered_and_short_words_are_none() -> None:
    """Another message is the very same object."""
    values = [f"Bearer {number}{'t' * 20}" for number in range(5)]
    log = Noted()
    discreet = Discreet(Shows("Bearer test", *values), log)
    for _ in values:
        discreet.headers(wait=0.0)
        discreet.headers(wait=0.0)
        discreet.renew({}, Challenge(), wait=0.0)
    discreet.headers(wait=0.0)
    message = b'"a test with 0tttttttttttttttttttt"'
    assert discreet.without(message) is message
    assert not log.lines
    for number in range(1, 5):
        assert discreet.without(b"<%d%s>" % (number, b"t" * 20)) == b"<(redacted)>"
    assert "ttt" not in repr(discreet)


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        ("Authorization", ""),
        ("X-Api-Key", ""),
        ("Ocp-Apim-Subscription-Key", ""),
        ("Cookie", "a=b; session="),
    ],
)
def test_a_key_is_a_secret_as_a_token_is(header: str, scheme: str) -> None:
    """With a scheme before it or none, and in each way to write it in JSON that is in use."""
    key = 'c2VjcmV0+c2VjcmV0/c2Vj"cmV0=='
    shows = Discreet(Shows(f"{scheme}{key}", header=header), Noted())
    shows.headers(wait=0.0)
    plain = json.dumps(key)[1:-1]
    for spelling in (key, plain, plain.replace("/", r"\/"), plain.replace("+", r"\u002B")):
        assert shows.without(f"<{spelling}>".encode()) == b"<(redacted)>"


def test_every_cookie_is_a_secret() -> None:
    """There may be several in one header; a short one may stand in any text."""
    first, last = "a-session-of-more-than-20-letters", "another-of-more-than-twenty=="
    shows = Discreet(Shows(f"a={first}; theme=dark ;b={last}", header="cookie"), Noted())
    shows.headers(wait=0.0)
    said = f"{last} in the dark {first}".encode()
    assert shows.without(said) == b"(redacted) in the dark (redacted)"


def test_a_key_is_a_secret_for_as_long_as_it_is_shown() -> None:
    """However often a token beside it was renewed."""
    key = "a-key-of-more-than-twenty-letters"

    class Both:
        """A credential with a token that is another each time."""

        tokens = iter(range(100))

        def headers(self, *, wait: float) -> Mapping[str, str]:
            """Return both."""
            del wait
            return {"X-Api-Key": key, "Authorization": f"Bearer {next(self.tokens):030}"}

        def renew(self, shown: Mapping[str, str], challenge: Challenge, *, wait: float) -> None:
            """Never be asked to."""

    shows = Discreet(Both(), Noted())
    for _ in range(10):
        shows.headers(wait=0.0)
    assert shows.without(key.encode()) == b"(redacted)"
    assert shows.without(b"%030d" % 9) == b"(redacted)"


def test_only_what_says_who_asks_is_a_secret() -> None:
    """The value of another header may stand in any text."""
    shows = Discreet(Shows("Custom a-word-of-more-than-twenty-letters", header="X-Team"), Noted())
    shows.headers(wait=0)
    said = b"a-word-of-more-than-twenty-letters"
    assert shows.without(said) == said
