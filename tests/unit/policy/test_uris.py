"""Addresses that could be read in two ways (POLICY.md 4)."""

from __future__ import annotations

import pytest

from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, Component, Kind, Request
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.views.people import imagined
from mcp_local.policy.vocabulary.uris import fault, fault_of_read


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("docs://a/../b", "a dot segment"),
        ("docs://a/..", "a dot segment"),
        ("docs://a/./b", "a dot segment"),
        ("docs://../b", "a dot segment"),
        ("file:../b", "a dot segment"),
        ("..", "a dot segment"),
        ("docs://a?path=../b", "a dot segment"),
        ("docs://a/..?x", "a dot segment"),
        ("docs://a%2Fb", "an encoded"),
        ("docs://a%2fb", "an encoded"),
        ("docs://a%5Cb", "an encoded"),
        ("docs://%2e%2E/b", "an encoded"),
        ("docs://a%252fb", "an encoded"),
        ("docs://%73ecret", "an encoded letter"),
        ("docs://%5Ax", "an encoded letter"),
        ("docs://%31%2d%5f%7E", "an encoded letter"),
        ("docs://a%zz", "encodes nothing"),
        ("docs://a%", "encodes nothing"),
        ("docs://a%2", "encodes nothing"),
        ("docs:\\\\a", "a backslash"),
        ("docs://user@a/b", "user info"),
        ("docs://user:pw@a", "user info"),
        ("//user@a", "user info"),
        ("docs://a b", "a space or control character"),
        ("docs://a\n", "a space or control character"),
        ("docs://a\x00", "a space or control character"),
        ("docs://a\ud800", "a space or control character"),
        ("docs://a/..%00", "a space or control character"),
        ("docs://a%0Ab", "a space or control character"),
        ("docs://a%7f", "a space or control character"),
    ],
)
def test_ambiguous_addresses_are_told(uri: str, what: str) -> None:
    """Whatever a server might read differently than we do has a fault."""
    assert what in fault(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "docs://a/b.c",
        "docs://a/...",
        "docs://a/.hidden",
        "docs://a/b..c",
        "docs://a/b?mail=x@y",
        "docs://a/x@y",
        "docs://a%20b",
        "docs://{path}",
        "docs://{+path}/x{?page,size}",
        "mailto:x@y",
        "weather://münchen/now",
        "",
    ],
)
def test_plain_addresses_have_no_fault(uri: str) -> None:
    """Nothing is refused that has one meaning only."""
    assert fault(uri) == ""


@pytest.mark.parametrize(
    ("uri", "template", "what"),
    [
        ("docs://a.key#.txt", "docs://{name}", "a fragment"),
        ("docs://a#", "docs://{name}{?page}", "a fragment"),
        ("docs://a.key?.txt", "docs://{name}", "a query"),
        ("docs://a?", "docs://{name*}", "a query"),
        ("docs://a/../b", "docs://{+name}", "a dot segment"),
        ("docs://a?page=2", "docs://{name}{?page}", ""),
        ("docs://a?page=2", "docs://{name}?page={page}", ""),
        ("docs://a#top", "docs://{name}{#part}", ""),
        ("web://x/?a=b#c", "web://{+address}", ""),
        ("docs://a", "docs://{name}", ""),
        ("https://INTERNAL.corp/x", "https://{host}/x", "a host in capitals"),
        ("HTTPS://a.B", "{+url}", "a host in capitals"),
        ("https://a.b:443/x", "https://{host}/x", "or port that says nothing"),
        ("http://a.b:80", "{+url}", "or port that says nothing"),
        ("https://a.b:/x", "https://{host}/x", "or port that says nothing"),
        ("file://localhost/etc/x", "file://{+path}", "a host or port that says nothing"),
        ("FILE://LocalHost", "{+url}", "a host or port that says nothing"),
        ("file:///localhost/x", "file://{+path}", ""),
        ("https://a.b:8443/X", "https://{host}/{+path}", ""),
        ("greeting://World", "greeting://{name}", ""),
    ],
)
def test_what_a_template_has_no_place_for_is_told(uri: str, template: str, what: str) -> None:
    """A query or fragment that servers drop before they read can't pass for a part of the name."""
    found = fault_of_read(uri, template)
    assert what in found
    assert bool(found) is bool(what)


@pytest.mark.parametrize(
    ("pattern", "uri", "truth"),
    [
        ("docs://geheim-ä*", "docs://geheim-%C3%A4x", None),
        ("docs://geheim-%C3%A4*", "docs://geheim-äx", None),
        ("docs://geheim-%C3%A4*", "docs://geheim-%c3%a4x", None),
        ("docs://a:b", "docs://a%3Ab", None),
        ("docs://a:b?*", "docs://a%3Ab?x", None),
        ("docs://a%20b", "docs://a%20b", True),
        ("docs://*", "docs://a%20b", True),
        ("docs://a%2Ab", "docs://axb", False),
        ("docs://b*", "docs://a%20b", False),
    ],
)
def test_what_is_encoded_is_what_a_server_reads(
    pattern: str, uri: str, *, truth: bool | None
) -> None:
    """A pattern that fits one reading only: an allow doesn't apply, a deny does."""
    condition = f"{{field: resource.name, operator: starts_with, value: '{pattern.rstrip('*')}'}}"
    for matcher in (
        f"resources: {{patterns: ['{pattern}']}}",
        f"resources: {{patterns: ['docs://*']}}, when: [{condition}]",
    ):
        found = [
            decided(f"default: {default}\nrules: [{{name: r, effect: {effect}, {matcher}}}]", uri)
            for default, effect in (("deny", "allow"), ("allow", "deny"))
        ]
        if "when" not in matcher or pattern.endswith("*"):
            assert found == [truth is True, truth is False]


def decided(text: str, uri: str) -> bool:
    """Tell whether somebody may read a URI through a template."""
    compiled = compile_policy([parse_policy(text, "policy.yaml")])
    component = Component(Kind.RESOURCE, "docs://{name}{?x}", template=True, uri=uri)
    return compiled.decide(imagined(), Request(Action.READ), component).allowed
