"""Which redirect URIs are allowed, and how answers are put on them."""

from __future__ import annotations

import pytest

from mcp_local.emulator.redirects import deliver, is_registered

LOCALHOST = "http://localhost"


@pytest.mark.parametrize(
    ("uri", "registered", "allowed"),
    [
        ("http://localhost:5000", LOCALHOST, True),
        ("http://localhost:5000/", LOCALHOST, True),
        ("http://localhost", LOCALHOST, True),
        ("http://localhost:5000/callback", LOCALHOST, False),
        ("http://localhost:5000/callback", "http://localhost/callback", True),
        ("http://localhost:5000/CALLBACK", "http://localhost/callback", False),
        ("http://localhost:5000/?x=1", LOCALHOST, False),
        ("http://localhost:5000/#x", LOCALHOST, False),
        ("https://localhost:5000", LOCALHOST, False),
        ("http://127.0.0.1:5000", LOCALHOST, False),
        ("http://127.0.0.1:5000", "http://127.0.0.1", True),
        ("http://[::1]:5000", "http://[::1]", True),
        ("http://user@localhost:5000", LOCALHOST, False),
        ("http://localhost:0", LOCALHOST, False),
        ("http://localhost:99999", LOCALHOST, False),
        ("http://localhost.evil.example", LOCALHOST, False),
        ("https://app.example:8443/x", "https://app.example:8443/x", True),
        ("https://app.example/x", "https://app.example:8443/x", False),
        ("msauth.com.msauth.unsignedapp://auth", "msauth.com.msauth.unsignedapp://auth", True),
        ("http://[", LOCALHOST, False),
    ],
)
def test_rules(uri: str, registered: str, *, allowed: bool) -> None:
    """For http on loopback any port goes; scheme, host and path always count."""
    assert is_registered(uri, (registered,)) is allowed


@pytest.mark.parametrize(
    ("uri", "mode", "location"),
    [
        ("http://localhost:1", "query", "http://localhost:1/?code=a+b"),
        ("http://localhost:1/x?y=1", "query", "http://localhost:1/x?y=1&code=a+b"),
        ("http://localhost:1", "fragment", "http://localhost:1/#code=a+b"),
    ],
)
def test_redirects(uri: str, mode: str, location: str) -> None:
    """An answer is added to what is there; an empty path becomes a slash, as in the cloud."""
    response = deliver(uri, mode, {"code": "a b"})

    assert response.headers["location"] == location
    assert "no-store" in response.headers["cache-control"]


@pytest.mark.parametrize(
    ("uri", "target"),
    [("http://localhost:1/x", "http://localhost:1"), ("app:answer", "app:")],
)
def test_form_post_leads_there_only(uri: str, target: str) -> None:
    """The posting page may lead to the app and nowhere else."""
    response = deliver(uri, "form_post", {"code": '"><script>'})

    assert f"form-action 'self' {target};" in response.headers["content-security-policy"]
    assert b"&quot;&gt;&lt;script&gt;" in response.body
