"""What a wrapped server finds in its environment."""

from __future__ import annotations

from hypothesis import given, strategies as st

from mcp_local.guard.relay.environment import child_environment, may_pass, not_set, passed

NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_abc", min_size=1, max_size=20)


def test_what_a_program_needs_is_handed_on() -> None:
    """The person, the language, the PATH and the network are handed on."""
    plain = {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "USER": "ada",
        "LC_ALL": "de_DE.UTF-8",
        "LANG": "C",
        "TERM": "xterm",
        "TMPDIR": "/home/ada/tmp",
        "https_proxy": "http://proxy:3128",
        "SSL_CERT_FILE": "/etc/ca.pem",
    }
    assert child_environment(plain, {}) == plain


def test_everything_else_stays_here() -> None:
    """Tokens, credentials, agents' sockets and our own variables are not handed on."""
    others = {
        "AZURE_CLIENT_SECRET": "canary",
        "GITHUB_TOKEN": "canary",
        "SSH_AUTH_SOCK": "/run/agent",
        "MCP_LOCAL_CACHE_PASSPHRASE": "canary",
        "MCP_LOCAL_TENANT_ID": "canary",
        "_MCP_LOCAL_LAYERED": "1",
        "PYTHONPATH": "/elsewhere",
        "path": "/elsewhere",
    }
    assert child_environment(others, {}) == {}


def test_a_proxy_with_a_password_must_be_named() -> None:
    """A password in a proxy's address is not for every server."""
    proxy = {"HTTPS_PROXY": "http://ada:canary@proxy:3128"}
    assert child_environment(proxy, {}) == {}
    assert child_environment(proxy, {"HTTPS_PROXY": "${HTTPS_PROXY}"}) == proxy


def test_the_settings_name_more() -> None:
    """A named variable is given; `${NAME}` stands for our own, and for nothing where it isn't."""
    ours = {"PATH": "/bin", "GITHUB_TOKEN": "their own"}
    named = {"DEBUG": "1", "PATH": "/opt/bin", "TOKEN": "${GITHUB_TOKEN}", "NONE": "${NOT_THERE}"}
    assert child_environment(ours, named) == {
        "PATH": "/opt/bin",
        "DEBUG": "1",
        "TOKEN": "their own",
    }
    assert not_set(ours, named) == ["NOT_THERE"]
    assert not_set({"MCP_LOCAL_X": "1"}, {"X": "${MCP_LOCAL_X}"}) == ["MCP_LOCAL_X"]


def test_a_value_that_only_holds_a_reference_is_a_text() -> None:
    """Nothing within a longer value is expanded."""
    assert child_environment({"A": "x"}, {"B": "a${A}", "C": "$A"}) == {"B": "a${A}", "C": "$A"}


@given(st.dictionaries(NAMES, st.text(max_size=5)), st.dictionaries(NAMES, NAMES))
def test_none_of_ours_ever_goes_along(environ: dict[str, str], named: dict[str, str]) -> None:
    """Neither by the list, nor by a name, nor by reference."""
    ours = {f"MCP_LOCAL_{name}": "canary" for name in environ}
    references = {name: f"${{MCP_LOCAL_{value}}}" for name, value in named.items()}
    named_ours = {f"MCP_LOCAL_{name}": "text" for name in named}
    handed_on = child_environment(environ | ours, references | named_ours)
    assert "canary" not in handed_on.values()
    assert not any(name.upper().startswith("MCP_LOCAL_") for name in handed_on)


def test_variables_are_handed_on_by_name() -> None:
    """`--pass-env` names variables of ours; one that isn't there is none, our own never go."""
    ours = {"TOKEN": "theirs", "MCP_LOCAL_HOME": "canary"}
    assert child_environment(ours, passed(["TOKEN", "ABSENT", "MCP_LOCAL_HOME"])) == {
        "TOKEN": "theirs"
    }
    assert may_pass("TOKEN")
    assert not any(map(may_pass, ["", "A=B", "-x", "mcp_local_home", "_MCP_LOCAL_LAYERED"]))
