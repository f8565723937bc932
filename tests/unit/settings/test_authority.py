"""Which authorities may be spoken to (SECURITY.md O12, O18)."""

from __future__ import annotations

import pytest

from mcp_local.settings.authority import check_authority, host_of, is_loopback
from mcp_local.settings.values import Unfit

TENANT = "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        (
            f"https://login.microsoftonline.com/{TENANT}",
            f"https://login.microsoftonline.com/{TENANT}",
        ),
        ("HTTPS://Login.Contoso.com/Tenant/", "https://login.contoso.com/Tenant"),
        ("https://localhost:8443/x", "https://localhost:8443/x"),
        ("https://127.0.0.1:1/x", "https://127.0.0.1:1/x"),
        ("https://[::1]:65535/x", "https://[::1]:65535/x"),
        ("https://intranet/adfs", "https://intranet/adfs"),
        ("https://c.b2clogin.com/tfp/c.onmicrosoft.com/b2c_1_x", None),
        ("https://x.com/common", "https://x.com/common"),
    ],
)
def test_proper_authorities_are_taken(url: str, checked: str | None) -> None:
    """The host is lower-case afterwards, the path as it was, without a slash at its end."""
    assert check_authority(url) == (checked or url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://login.microsoftonline.com/x", "must start with https://"),
        ("javascript:alert(1)", "must start with https://"),
        ("file:///etc/passwd", "must start with https://"),
        ("//login.microsoftonline.com/x", "must start with https://"),
        (" https://a.com/x", "must start with https://"),
        ("", "must start with https://"),
        ("-https://a.com/x", "must not start with a dash"),
        ("--config=https://a.com/x", "must not start with a dash"),
        ("https://user@a.com/x", "must not hold a user name"),
        ("https://user:pw@a.com/x", "must not hold a user name"),
        ("https://a.com", "must be like"),
        ("https://a.com/", "must be like"),
        ("https://a.com//x", "must be like"),
        ("https:///x", "must be like"),
        ("https://a.com/x?y=1", "must be like"),
        ("https://a.com/x#y", "must be like"),
        ("https://a.com/../x", "must be like"),
        ("https://a.com/./x", "must be like"),
        ("https://a.com/%2e%2e/x", "must be like"),
        ("https://a.com\\@b.com/x", "must not hold a user name"),
        ("https://a.com\\b/x", "must be like"),
        ("https://a.com/x y", "must be like"),
        ("https://a.com/x\n", "must be like"),
        ("https://a.com/-x", None),
        ("https://ex\u0430mple.com/x", "must be like"),
        ("https://[::2]/x", "must be like"),
        ("https://a.com:/x", "must be like"),
        ("https://a.com:0/x", "names a port"),
        ("https://a.com:65536/x", "names a port"),
        ("https://a.com./x", "must name its host"),
        ("https://.a.com/x", "must name its host"),
        ("https://-a.com/x", "must name its host"),
        ("https://10.0.0.1/x", "must name its host"),
        ("https://0.0.0.0/x", "must name its host"),
        ("https://2130706433/x", "must name its host"),
        ("https://0x7f000001/x", "must name its host"),
        ("https://0177.0.0.1/x", "must name its host"),
        ("https://127.1/x", "must name its host"),
        ("https://login.microsoftonline.com/common", "of one tenant"),
        ("https://login.microsoftonline.us/Organizations/", "of one tenant"),
    ],
)
def test_improper_authorities_are_refused(url: str, message: str | None) -> None:
    """Whatever could be read in two ways, by a browser or by us, is refused."""
    if message is None:
        assert check_authority(url) == url
        return
    with pytest.raises(Unfit, match=message):
        check_authority(url)


def test_loopback_is_told_from_names_that_look_like_it() -> None:
    """A name below somebody's domain is not this machine."""
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.1.2.3", "[::1]")))
    assert is_loopback("entra.localhost")  # browsers and resolvers take it for this machine
    others = ("localhost.evil.com", "127.0.0.1.evil.com", "evil", "evillocalhost", "::1", "")
    assert not any(map(is_loopback, others))


def test_the_host_is_read_without_its_port() -> None:
    """Host names are compared without ports; text that is no authority has none."""
    assert host_of("https://localhost:8443/x") == "localhost"
    assert host_of("https://[::1]:1/x") == "[::1]"
    assert host_of("nonsense") == ""
