"""The typed command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_local.cli.account import COMMANDS as ACCOUNT, LoginArguments
from mcp_local.cli.ask import COMMANDS as ASK
from mcp_local.cli.catalogue import FAMILIES, MODULES, find_command
from mcp_local.cli.context import global_flags
from mcp_local.cli.parser import HelpWanted, parse_object, split_command
from mcp_local.cli.run import COMMANDS as RUNNING
from mcp_local.errors import UsageError

LOGIN, CAN, RUN = ACCOUNT[0], ASK[1], RUNNING[0]


@pytest.mark.parametrize(
    ("words", "command", "rest"),
    [
        ([], "", []),
        (["--version"], "", ["--version"]),
        (["login", "--device"], "login", ["--device"]),
        (["--tenant", "run", "whoami", "--json"], "whoami", ["--tenant", "run", "--json"]),
        (["--account", "a@b", "-v", "login"], "login", ["--account", "a@b", "-v"]),
        (["--tenant=x", "run", "--", "run"], "run", ["--tenant=x", "--", "run"]),
    ],
)
def test_flags_for_everywhere_may_stand_before_the_command(
    words: list[str], command: str, rest: list[str]
) -> None:
    """A flag's value is not mistaken for the command."""
    assert split_command(words) == (command, rest)


def test_arguments_become_settings() -> None:
    """What was given overrides the settings of that name; what wasn't is None."""
    arguments = LOGIN.parse(["--tenant", "contoso.com", "--account", "a@b", "--timeout", "30"])
    assert isinstance(arguments, LoginArguments)
    assert arguments.overrides() == {
        "config": None,
        "tenant": "contoso.com",
        "client_id": None,
        "account": "a@b",
        "signin.timeout": "30",
    }


def test_processes_of_ours_are_started_with_the_same_flags() -> None:
    """A relative settings file is made absolute, since the process may stand elsewhere."""
    arguments = LOGIN.parse(["--config", "here.toml", "--account", "a@b"])
    expected = ["--config", str(Path("here.toml").absolute()), "--account", "a@b"]
    assert global_flags(arguments) == expected


def test_a_settings_file_in_the_home_folder_is_found_by_processes_of_ours() -> None:
    """Clients start us without a shell, so that ``~`` is ours to read, and nobody else's."""
    arguments = LOGIN.parse(["--config", "~/here.toml"])
    assert global_flags(arguments) == ["--config", str(Path.home() / "here.toml")]


def test_help_is_handed_on_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the console prints; the help has its examples, and hides what is hidden."""
    with pytest.raises(HelpWanted) as caught:
        LOGIN.parse(["--help"])
    assert "usage: mcp-local login" in caught.value.text
    assert "mcp-local login --device" in caught.value.text
    assert "--background" not in caught.value.text
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("pin show", "[TARGET]"),
        ("pin reset", "pin reset (TARGET | -- COMMAND ARG…)"),
        ("pin approve", "[--only NAME] [--seen SHA256] (TARGET | -- COMMAND ARG…)"),
    ],
)
def test_the_help_shows_whether_a_target_must_be_named(name: str, takes: str) -> None:
    """In brackets only where it may be left out."""
    with pytest.raises(HelpWanted) as caught:
        find_command(name).parse(["--help"])
    usage = caught.value.text.partition("\n\n")[0]
    assert takes in usage
    assert ("[TARGET]" in usage) is (name == "pin show")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--devise"], "doesn't know '--devise'", "'--device'"),
        (["--tenant"], "expected one argument", "mcp-local login --help"),
        (["--dev"], "doesn't know '--dev'", "'--device'"),
        (["--port", "x"], "invalid port value: 'x'", "mcp-local login --help"),
        (["--port", "65536"], "invalid port value: '65536'", "mcp-local login --help"),
        (["more"], "doesn't know 'more'", "mcp-local login --help"),
        ([""], "doesn't know ''", "mcp-local login --help"),
        ([" \n"], "doesn't know ''", "mcp-local login --help"),
    ],
)
def test_mistakes_are_our_errors(words: list[str], message: str, hint: str) -> None:
    """Nothing is abbreviated or guessed; the nearest flag is named."""
    with pytest.raises(UsageError, match=message) as caught:
        LOGIN.parse(words)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "words",
    [["npx", "-y", "server"], ["uvx", "server"], ["uvx", "--from", "x"], ["-r", "."]],
)
def test_a_command_without_the_dashes_before_it_is_known_for_one(words: list[str]) -> None:
    """Its words mean nothing to us; where they do is said."""
    with pytest.raises(UsageError) as caught:
        RUN.parse([*words, "more", "still"])
    assert caught.value.hint == "To wrap a command, write -- before it: … -- COMMAND ARG…"
    with pytest.raises(UsageError) as caught:
        RUN.parse(["--polcy", "x", "--", "npx"])
    assert caught.value.hint == "Did you mean '--policy'?"


def test_flags_after_the_dashes_are_no_command() -> None:
    """They would be looked for on the PATH, and nobody would learn where they belong."""
    with pytest.raises(UsageError, match="a command, not '--policy'") as caught:
        RUN.parse(["--", "--policy", "preset:read-only", "uvx", "server"])
    assert "stand before it" in caught.value.hint


def test_a_policy_may_stand_before_the_command() -> None:
    """As the other flags that most commands take."""
    assert split_command(["--policy", "a.yaml", "run", "x"]) == ("run", ["--policy", "a.yaml", "x"])


def test_closed_sets_are_checked() -> None:
    """What there isn't is refused with what there is, in the words one would type."""
    with pytest.raises(UsageError, match=r"from '?tool'?, '?resource'?, '?prompt'?\)"):
        CAN.parse(["x", "--kind", "hammer"])
    with pytest.raises(
        UsageError, match=r"from '?list'?, '?call'?, '?read'?, '?get'?, '?complete'?, "
    ):
        CAN.parse(["x", "--action", "hammer"])


def test_every_command_can_be_found_and_parsed_for_help() -> None:
    """The catalogue and the families agree, and every command tells about itself."""
    for name in MODULES:
        command = find_command(name)
        assert command.name == name
        with pytest.raises(HelpWanted) as caught:
            command.parse(["--help"])
        assert command.summary.split(".")[0][:40] in caught.value.text.replace("\n", " ")
    for family in FAMILIES.values():
        for module, names in family.items():
            assert [find_command(name).name for name in names] == names, module


@pytest.mark.parametrize(
    "text",
    ["[" * 60_000, '{"a": ' * 60_000, "9" * 5_000, "NaN", "[1]"],
    ids=["deep", "deeper", "long", "nan", "list"],
)
def test_arguments_that_are_no_object_are_told(text: str) -> None:
    """However deep or long they are."""
    with pytest.raises(UsageError, match="--args"):
        parse_object(text)
