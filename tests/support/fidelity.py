"""The same session with a server, directly and through the relay, compared line by line."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING, Any, Final

from tests.support.chat import ACCOUNT_TOOLS
from tests.support.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.support.wire import Line

LISTS: Final = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
MARKED: Final = frozenset({*LISTS, "initialize", "server/discover"})
"""Methods whose results the relay must touch."""
_VOLATILE: Final = re.compile(
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:?\d\d)?"  # a date with a time
    rb"|\d\d?:\d\d:\d\d(?: [AP]M)?"  # a time
    rb"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [A-Z][a-z]{2} \d\d? TIME? ?\d{4}[^\"\\]*"
    rb"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # a UUID
    rb"|\b[0-9a-f]{32,64}\b"  # a task, a commit
    rb"|\bindex [0-9a-f]{7}\.\.[0-9a-f]{7}|\[main [0-9a-f]{7}\]"
    rb'|"level":"[a-z]+","data":"[A-Z][a-z]+[- ]level[- ]message"'  # at random
    rb'|(?<="requestState":")[^"]+'
    rb'|(?<="blob":")UmVzb3VyY2Ug[^"]+'  # a resource of server-everything with the time in it
)
"""What differs from one session to the next, whoever listens."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything that a client heard in one session, and what it had asked."""

    lines: tuple[Line, ...]
    asked: Mapping[Any, str]
    folder: Path

    def bare(self, line: Line) -> bytes:
        """Return a line without what differs from session to session."""
        return _VOLATILE.sub(b"VOLATILE", line.raw.replace(str(self.folder).encode(), b"FOLDER"))

    def method(self, line: Line) -> str:
        """Return the method that a line answers; its own where it is no answer."""
        return line.method or self.asked.get(line.message.get("id"), "")


@dataclass(frozen=True, slots=True)
class Way:
    """How a server is reached."""

    command: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    ends: bool
    """Whether that ends by itself when its client is gone."""


def record(script: Callable[[Wire], None], way: Way, *, era: str) -> Recording:
    """Play one session."""
    with Wire(way.command, way.folder, era=era, environ=way.environ, ends=way.ends) as wire:
        script(wire)
    return Recording(tuple(wire.heard), wire.asked, way.folder)


def record_both(
    script: Callable[[Wire], None], direct: Way, relayed: Way, *, era: str
) -> tuple[Recording, Recording]:
    """Play the same session both ways at the same time."""
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(record, script, way, era=era) for way in (direct, relayed)]
        return both[0].result(), both[1].result()


def differences(direct: Recording, relayed: Recording) -> list[str]:
    """Return what the client saw otherwise through the relay, the relay's own marks excepted.

    Lines are compared as bytes; only those that the relay must touch are compared as what they
    say, without the marks. An answer belongs to its request; all else keeps its order.
    """
    theirs, ours = _answers(direct), _answers(relayed)
    found = [f"lost: {direct.bare(theirs[key])!r}" for key in theirs.keys() - ours.keys()]
    found += [f"added: {relayed.bare(ours[key])!r}" for key in ours.keys() - theirs.keys()]
    found += [
        f"{direct.method(theirs[key])}: {direct.bare(theirs[key])!r}\n"
        f"became {relayed.bare(ours[key])!r}"
        for key in theirs.keys() & ours.keys()
        if not _same(direct, theirs[key], relayed, ours[key])
    ]
    told, passed_on = ([f"{r.bare(x)!r}" for x in r.lines if x.method] for r in (direct, relayed))
    return found + list(unified_diff(told, passed_on, "direct", "relayed", lineterm="", n=0))


def _answers(recording: Recording) -> dict[Any, Line]:
    """Return the answers by id; there is one to each request."""
    lines = [line for line in recording.lines if not line.method]
    found = {line.message.get("id"): line for line in lines}
    assert len(found) == len(lines)
    return found


def _same(direct: Recording, a: Line, relayed: Recording, b: Line) -> bool:
    method = direct.method(a)
    if method not in MARKED or "result" not in a.message:
        return direct.bare(a) == relayed.bare(b)
    before, after = json.loads(direct.bare(a)), json.loads(relayed.bare(b))
    return (
        "result" in after
        and _without_marks(method, before.pop("result"), after.pop("result"))
        and before == after
    )


def _without_marks(method: str, before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether two results are the same but for exactly what the relay must add."""
    if method in LISTS and "ttlMs" in before:
        if (after.pop("ttlMs", None), after.pop("cacheScope", None)) != (0, "private"):
            return False
        del before["ttlMs"], before["cacheScope"]
    if method in {"initialize", "server/discover"}:
        _take_changes(before, after)
    if method == "tools/list":
        names = [tool["name"] for tool in after["tools"][: len(ACCOUNT_TOOLS)]]
        if set(names) != ACCOUNT_TOOLS:
            return False
        after["tools"] = after["tools"][len(ACCOUNT_TOOLS) :]
    return before == after


def _take_changes(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Take ``listChanged`` away, where the relay says that lists may change; tools always do."""
    before["capabilities"].setdefault("tools", {})
    for kind in ("tools", "resources", "prompts"):
        if kind in before["capabilities"]:
            before["capabilities"][kind].pop("listChanged", None)
            if after["capabilities"].get(kind, {}).pop("listChanged", None) is not True:
                after["capabilities"][kind] = "does not say that it changes"
