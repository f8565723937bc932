"""Which addresses that the authority names are used."""

from __future__ import annotations

import pytest

from mcp_local.broker.authority.addresses import check_addresses, is_page
from mcp_local.broker.authority.metadata import OpenId
from mcp_local.broker.authority.refusal import AuthorityDown

PUBLIC = "https://login.microsoftonline.com/t"


def addresses(**changes: str) -> OpenId:
    """Return a document whose addresses are good."""
    good = {
        "authorization_endpoint": "https://login.microsoftonline.com/a",
        "token_endpoint": "https://login.microsoftonline.com/t",
        "jwks_uri": "https://login.microsoftonline.com/k",
        "device_authorization_endpoint": "https://login.microsoftonline.com/d",
    }
    return OpenId(issuer="i", **(good | changes))


@pytest.mark.parametrize(
    "field",
    ["authorization_endpoint", "token_endpoint", "jwks_uri", "device_authorization_endpoint"],
)
@pytest.mark.parametrize(
    "address",
    [
        "http://login.microsoftonline.com/x",
        "http://localhost/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "-x",
        "https://",
        "https://[::1/x",
        "https://evil.example/x",
        "https://login.microsoftonline.com@evil.example/",
        "https://login.microsoftonline.com.evil.example/",
        # For urlsplit the host is Microsoft's; urllib3 and browsers go to evil.example.
        r"https://evil.example\@login.microsoftonline.com/x",
        "https://user@login.microsoftonline.com/x",
        "https://login.micro\tsoftonline.com/x",
        "https://login.microsoftonline.com/x\r\nSet-Cookie: a=b",
        "https://login.microsoftonline.com/\N{RIGHT-TO-LEFT OVERRIDE}",
        "https://login.microsoftonline.com:443evil/x",
    ],
)
def test_addresses_that_are_not_the_authoritys(field: str, address: str) -> None:
    """What a browser is sent to, and where codes and tokens go, is checked (O12)."""
    with pytest.raises(AuthorityDown, match="aren't its own"):
        check_addresses(addresses(**{field: address}), PUBLIC)


def test_a_document_without_addresses() -> None:
    """None is as bad as a wrong one."""
    with pytest.raises(AuthorityDown):
        check_addresses(OpenId(issuer="i"), PUBLIC)


def test_microsofts_hosts_are_one_family() -> None:
    """Documents of one of Microsoft's hosts may name another."""
    check_addresses(addresses(token_endpoint="https://login.microsoftonline.us/t"), PUBLIC)
    check_addresses(addresses(device_authorization_endpoint=""), PUBLIC)


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1", "[::1]:81"])
def test_a_development_authority_has_plain_pages(host: str) -> None:
    """The emulator's pages for people are plain http on loopback; nothing else is."""
    own = "https://localhost:1234/t"
    page = f"http://{host}/authorize"
    document = OpenId("i", page, own, own)
    check_addresses(document, own)
    assert is_page(page, own)
    assert not is_page(page, PUBLIC)
    with pytest.raises(AuthorityDown):
        check_addresses(document, "https://login.contoso.com/t")


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://microsoft.com/devicelogin", True),
        ("http://microsoft.com/devicelogin", False),
        ("javascript:alert(1)", False),
        ("https:///x", False),
        (r"https://evil.example\@microsoft.com/devicelogin", False),
        ("https://microsoft.com/\N{RIGHT-TO-LEFT OVERRIDE}", False),
    ],
)
def test_where_a_person_may_be_sent(address: str, good: bool) -> None:  # noqa: FBT001 - a table
    """Microsoft's page for device codes is on a host of its own."""
    assert is_page(address, PUBLIC) is good
