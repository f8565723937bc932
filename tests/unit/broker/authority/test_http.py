"""HTTPS to the authority, against a real server."""

from __future__ import annotations

import socket
import threading
import time
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.authority.http import LARGEST_ANSWER, Http, Timeouts
from mcp_local.broker.authority.refusal import AuthorityDown
from mcp_local.errors import SettingsError, Unreachable
from tests.support.proxy import Proxy
from tests.support.site import Reply, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.site import MakeSettings, Site


SHORT = Timeouts(connect=0.3, read=0.3, total=0.6)


@pytest.fixture(autouse=True)
def no_proxy_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of the machine that runs the tests has no say."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_what_is_sent_and_answered(site: Site, make_settings: MakeSettings) -> None:
    """Query, form, headers and the answer go through unchanged."""
    site.replies["/p"] = Reply(b'{"a": 1}', 400, {"X-Test": "yes"})
    http = Http(make_settings())
    answer = http.post(f"{site.url}/p", {"q": "1 2"}, {"code": "a&b"}, {"Accept": "text/x"})
    assert (answer.status_code, answer.text, answer.headers["X-Test"]) == (400, '{"a": 1}', "yes")
    assert site.requests == [("POST", "/p?q=1+2", b"code=a%26b")]
    assert site.headers[0]["accept"] == "text/x"
    http.close()
    assert http.get(f"{site.url}/p?x=1", {"y": "2"}).status_code == 400
    assert site.requests[1] == ("GET", "/p?x=1&y=2", b"")


def test_an_answer_shows_nothing_of_itself(site: Site, make_settings: MakeSettings) -> None:
    """A token in an answer isn't in its repr."""
    site.replies["/p"] = Reply(b"canary")
    assert "canary" not in repr(Http(make_settings()).get(f"{site.url}/p"))


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_no_variable_adds_trust(
    site: Site, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The system's store is asked, whatever the variables of other programs say."""
    monkeypatch.setenv(variable, str(site.ca_file))
    with pytest.raises(Unreachable, match="can't be trusted") as caught:
        Http(make_settings(ca_file="")).get(f"{site.url}/p")
    assert "ca_file" in caught.value.hint
    assert site.requests == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_no_variable_takes_trust_away(
    site: Site, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The CA file of the settings holds, whatever the variables of other programs say."""
    monkeypatch.setenv(variable, "/nowhere.pem")
    site.replies["/p"] = Reply(b"yes")
    assert Http(make_settings()).fetch(f"{site.url}/p") == b"yes"


def test_the_system_store_is_the_default(
    site: Site, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a CA file the system decides; OpenSSL's own variable stands in for its store."""
    monkeypatch.setenv("SSL_CERT_FILE", str(site.ca_file))
    site.replies["/p"] = Reply(b"yes")
    assert Http(make_settings(ca_file="")).fetch(f"{site.url}/p") == b"yes"


def test_a_name_that_the_certificate_lacks_is_refused(
    site: Site, make_settings: MakeSettings
) -> None:
    """The host's name is checked as well as the chain."""
    address = site.url.replace("localhost", "127.0.0.1")
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+ can't be trusted"):
        Http(make_settings()).get(f"{address}/p")


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_an_unusable_ca_file_is_named(
    make_settings: MakeSettings, tmp_path: Path, content: bytes | None
) -> None:
    """A CA file that is missing or holds something else is a mistake in the settings."""
    path = tmp_path / "other.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"other\.pem can't be used: "):
        Http(make_settings(ca_file=str(path)))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_authority_in_trouble_is_down(
    site: Site, make_settings: MakeSettings, status: int
) -> None:
    """429 and 5xx are the authority's trouble, with the pause that it asks for."""
    site.replies["/p"] = Reply(b"{}", status, {"Retry-After": "17"})
    with pytest.raises(AuthorityDown, match=str(status)) as caught:
        Http(make_settings()).post(f"{site.url}/p")
    assert caught.value.retry_after == 17


@pytest.mark.parametrize(
    ("said", "seconds"), [("soon", 0), ("-1", 0), ("²", 0), ("99999999", 3600)]
)
def test_a_silly_pause_is_bounded(
    site: Site, make_settings: MakeSettings, said: str, seconds: float
) -> None:
    """Only whole seconds up to an hour are believed."""
    site.replies["/p"] = Reply(b"", 503, {"Retry-After": said.encode().decode("latin-1")})
    with pytest.raises(AuthorityDown) as caught:
        Http(make_settings()).get(f"{site.url}/p")
    assert caught.value.retry_after == seconds


def test_redirects_are_not_followed(site: Site, make_settings: MakeSettings) -> None:
    """A redirect is an answer, not a way (J22)."""
    site.replies["/p"] = Reply(b"", 302, {"Location": f"{site.url}/other"})
    assert Http(make_settings()).get(f"{site.url}/p").status_code == 302
    with pytest.raises(AuthorityDown, match="302"):
        Http(make_settings()).fetch(f"{site.url}/p")
    assert [path for _, path, _ in site.requests] == ["/p", "/p"]


def test_a_large_answer_is_cut_off(site: Site, make_settings: MakeSettings) -> None:
    """No answer fills the memory (J22)."""
    site.replies["/p"] = Reply(b"x" * (LARGEST_ANSWER + 1))
    with pytest.raises(AuthorityDown, match="bytes"):
        Http(make_settings()).get(f"{site.url}/p")


def test_half_an_answer_is_none(site: Site, make_settings: MakeSettings) -> None:
    """A connection that ends early is a fault of the network (J22)."""
    site.replies["/p"] = Reply(b"half", 200, {"Content-Length": "100"})
    with pytest.raises(Unreachable, match="can't be reached"):
        Http(make_settings()).get(f"{site.url}/p")


def test_silence_ends_in_time(site: Site, make_settings: MakeSettings) -> None:
    """A server that accepts and says nothing doesn't hold us."""
    release = threading.Event()
    site.replies["/p"] = Reply(write=lambda _: release.wait(10))
    began = time.monotonic()
    with pytest.raises(Unreachable, match="doesn't answer in time"):
        Http(make_settings(), SHORT).get(f"{site.url}/p")
    release.set()
    assert time.monotonic() - began < 5


def test_a_trickle_ends_in_time(site: Site, make_settings: MakeSettings) -> None:
    """A byte now and then stays under every limit but the one on the whole."""
    release = threading.Event()

    def trickle(write: Callable[[bytes], object]) -> None:
        while not release.wait(0.1):
            write(b"x")

    site.replies["/p"] = Reply(write=trickle)
    with pytest.raises(Unreachable, match="takes too long"):
        Http(make_settings(), SHORT).get(f"{site.url}/p")
    release.set()


def test_nobody_there(make_settings: MakeSettings) -> None:
    """A closed port is the network's fault; the text names the host, not the query."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(Unreachable) as caught:
            Http(make_settings()).get(f"https://localhost:{port}/p?code=canary")
    assert caught.value.message == f"localhost:{port} can't be reached."
    assert "canary" not in caught.value.hint
    assert "see that it runs" in caught.value.hint


def test_the_proxy_of_the_settings(site: Site, make_settings: MakeSettings) -> None:
    """The proxy is used for the tunnel only, with its password, and TLS goes to the end."""
    site.replies["/p"] = Reply(b"yes")
    with Proxy("dXNlcjpwQHNz").running() as proxy:  # base64 of user:p@ss
        http = Http(make_settings(proxy=f"http://user:p%40ss@{proxy.address}"))
        assert http.fetch(f"{site.url}/p") == b"yes"
        http.close()
    assert proxy.connects[0].startswith(b"CONNECT localhost:")


def test_the_proxy_of_the_system(
    tmp_path: Path, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the setting the system's proxy is used; it alone looks the host up."""
    with serve(tmp_path, "login.contoso.example") as far:
        far.replies["/p"] = Reply(b"yes")
        port = int(far.url.rpartition(":")[2])
        with Proxy(target=("127.0.0.1", port)).running() as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
            http = Http(make_settings(ca_file=str(far.ca_file)))
            assert http.fetch("https://login.contoso.example/p") == b"yes"
            http.close()
    assert proxy.connects[0].startswith(b"CONNECT login.contoso.example:443 ")


def test_the_exceptions_of_the_systems_proxy(
    site: Site, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This machine is never behind the system's proxy, nor is what ``NO_PROXY`` names."""
    site.replies["/p"] = Reply(b"yes")
    monkeypatch.setenv("NO_PROXY", "named.invalid")
    with Proxy(target=("127.0.0.1", int(site.url.rpartition(":")[2]))).running() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        assert Http(make_settings()).fetch(f"{site.url}/p") == b"yes"
        with pytest.raises(Unreachable, match="can't be reached"):
            Http(make_settings()).fetch("https://named.invalid/p")
        assert proxy.connects == []
        with pytest.raises(Unreachable, match="can't be trusted"):
            Http(make_settings()).fetch("https://other.invalid/p")
    assert len(proxy.connects) == 1


def test_nothing_is_sent_without_tls(site: Site, make_settings: MakeSettings) -> None:
    """Whatever a document says: codes and tokens travel over TLS (O16)."""
    with pytest.raises(Unreachable, match="without TLS"):
        Http(make_settings()).get(site.url.replace("https", "http"))


def test_a_proxy_without_a_scheme_is_http(site: Site, make_settings: MakeSettings) -> None:
    """``host:port`` is how people write a proxy."""
    site.replies["/p"] = Reply(b"yes")
    with Proxy().running() as proxy:
        http = Http(make_settings(proxy=proxy.address))
        assert http.fetch(f"{site.url}/p") == b"yes"
        http.close()
    assert len(proxy.connects) == 1


def test_a_refused_password_is_not_told(site: Site, make_settings: MakeSettings) -> None:
    """What is said of a proxy that refuses us doesn't hold its password."""
    with Proxy("dXNlcjpvdGhlcg==").running() as proxy:
        http = Http(make_settings(proxy=f"http://user:canary@{proxy.address}"))
        with pytest.raises(Unreachable) as caught:
            http.get(f"{site.url}/p")
    assert "canary" not in caught.value.message + caught.value.hint
    assert caught.value.__suppress_context__


def test_a_password_of_a_proxy_may_hold_any_letter(site: Site, make_settings: MakeSettings) -> None:
    """Its bytes are sent as they were written, percent-encoded."""
    site.replies["/p"] = Reply(b"yes")
    with Proxy(b64encode("user:5 €".encode()).decode()).running() as proxy:
        http = Http(make_settings(proxy=f"http://user:5%20%E2%82%AC@{proxy.address}"))
        assert http.fetch(f"{site.url}/p") == b"yes"
        http.close()


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://user:canary@[::1:8080", "[::1:8080"),
        ("http://user:cana/ry@proxy.example:70", "proxy.example:70"),
    ],
)
def test_a_proxy_that_is_no_address_is_named(
    site: Site, make_settings: MakeSettings, proxy: str, shown: str
) -> None:
    """A bracket that is left open, a slash in a password: no part of the password is told."""
    with pytest.raises(SettingsError) as caught:
        Http(make_settings(proxy=proxy)).get(f"{site.url}/p")
    assert shown in caught.value.message
    assert "cana" not in caught.value.message + caught.value.hint


def test_an_unknown_kind_of_proxy_is_named(site: Site, make_settings: MakeSettings) -> None:
    """A proxy that can't be used is a mistake in the settings; its password stays out."""
    http = Http(make_settings(proxy="gopher://user:canary@proxy.example:70"))
    with pytest.raises(SettingsError, match=r"proxy\.example:70") as caught:
        http.get(f"{site.url}/p")
    assert "canary" not in caught.value.message + caught.value.hint
