"""Open requests of both sides, and of the relay itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_local.guard.relay import asked as module
from mcp_local.guard.relay.asked import MOST, OfServer, Open, Own
from mcp_local.guard.relay.message import read_client

if TYPE_CHECKING:
    import pytest

    from mcp_local.guard.relay.message import Message


def request(ident: str = "1") -> Message:
    """Return a request with an id, as JSON."""
    return read_client(b'{"jsonrpc":"2.0","id":%b,"method":"ping"}' % ident.encode())


def test_an_id_is_open_once() -> None:
    """Numbers and texts are different ids; what is closed may come again."""
    requests = Open()
    first = requests.begin(request("1"))
    assert first is not None
    assert requests.begin(request("1")) is None
    assert requests.begin(request('"1"')) is not None
    assert requests.find(1) is first
    assert requests.end(first)
    assert not requests.end(first)
    again = requests.begin(request("1"))
    assert again is not None
    assert not requests.end(first)
    assert requests.find([]) is None


def test_an_answer_is_for_the_id_that_it_names() -> None:
    """A text in digits is the number only where no request has that very text."""
    requests = Open()
    number, text = requests.begin(request("7")), requests.begin(request('"7"'))
    assert requests.answered_by(7) is number
    assert requests.answered_by("7") is text
    assert text is not None
    requests.end(text)
    assert requests.answered_by("7") is number
    assert requests.answered_by("8") is None
    assert requests.answered_by("7" * 5000) is None  # Python reads no number of so many digits


def test_a_known_answer_is_recognised_by_all_of_it() -> None:
    """But for the id, which is that of the request."""
    own = Own()
    head, tail = b'{"id":"', b'","result":{"tools":[1]}}'
    ident = own.ask(lambda _answer: None, (head, tail))
    same = head + ident.encode() + tail
    assert own.recognise(same) == ident
    for line in (
        same.replace(b"id", b"ID", 1),
        same.replace(b"[1]", b"[2]"),
        same + b" ",
        same.replace(ident.encode(), ident.encode()[:-1] + b"X"),
    ):
        assert not own.recognise(line)
    own.take(ident)
    assert not own.recognise(same)


def test_ids_like_ours_are_not_taken() -> None:
    """Nor are messages that ask for no answer."""
    assert Open().begin(request('"mcp-local-x"')) is None
    assert Open().begin(read_client(b'{"jsonrpc":"2.0","method":"x"}')) is None


def test_few_are_kept_of_those_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may answer them late, or never."""
    monkeypatch.setattr(module, "_MOST_CANCELLED", 1)
    requests = Open()
    one, two, three = (requests.begin(request(ident)) for ident in "123")
    assert one is not None
    assert two is not None
    assert three is not None
    assert requests.cancel(one) is None
    assert requests.cancel(two) is one
    requests.end(two)
    assert requests.cancel(three) is None
    assert requests.all() == [three]


def test_room_is_counted_in_requests_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones up to a number, large ones up to a size; what the server has doesn't count."""
    monkeypatch.setattr(module, "MOST_HELD", 1)
    requests = Open()
    held = requests.begin(request())
    assert held is not None
    assert not requests.has_room(1)
    held.sent = True
    assert requests.has_room(1)
    monkeypatch.setattr(module, "MOST", 1)
    assert not requests.has_room(1)


def test_answers_to_our_own_are_told_once() -> None:
    """To whoever asked, and by that side only; at the end all are told that there is none."""
    heard: list[Any] = []
    server, client = Own(), Own()
    ident = server.ask(heard.append)
    assert server.is_own(ident)
    assert not client.is_own(ident)
    assert client.take(ident) is None
    assert server.take(7) is None
    answered = server.take(ident)
    assert answered is not None
    answered(None)
    assert server.take(ident) is None
    server.ask(heard.append)
    for given_up in server.drain():
        given_up(None)
    assert heard == [None, None]


def test_an_answer_just_like_the_one_before_is_recognised() -> None:
    """By all of its bytes but the id."""
    own = Own()
    known = (b'{"id":"', b'","result":{}}')
    ident = own.ask(lambda _: None, known)
    line = b'{"id":"%b","result":{}}'
    assert own.recognise(line % ident.encode()) == ident
    for other in (b"x" * len(ident), ident[:-1].encode(), b""):
        assert own.recognise(line % other) == ""
    own.take(ident)
    assert own.recognise(line % ident.encode()) == ""


def test_requests_of_a_server_are_open_once() -> None:
    """Until they are answered or taken back."""
    requests = OfServer()
    assert requests.begin("a", "ping")
    assert not requests.begin("a", "ping")
    assert requests.end("a")
    assert not requests.end("a")
    assert not requests.end(None)
    for number in range(MOST):
        assert requests.begin(number, "ping")
    assert not requests.begin("one too many", "ping")
    requests.clear()
    assert requests.begin("again", "ping")
