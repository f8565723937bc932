"""However a line is spelt, nothing runs in a wrapped server that the policy forbids (M26).

The full count of SECURITY.md: ``pytest -m heavy tests/properties/test_relay_calls.py``.
"""

from __future__ import annotations

import json
import random
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.guarded_relay import LISTS, Guarded
from tests.support.wire import ERAS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOOLS: Final = ("echo", "touch", "mutter", "secret", "secret_too", "absent")
URIS: Final = ("docs://open", "docs://closed", "item://7", "vault://7", "absent://x")
PROMPTS: Final = ("ask", "secret_prompt", "absent_prompt")
MAY: Final = {
    "reader": {"echo", "touch", "mutter", "docs://open", "ask"},
    "writer": {*TOOLS, *URIS, *PROMPTS} - {"absent", "absent://x", "absent_prompt"},
    "lister": set[str](),
    "nobody": set[str](),
}
"""What each role may use, worked out by hand."""
UNDER: Final[dict[str, tuple[str, ...]]] = {
    "reader": ("item://",),
    "writer": ("item://", "vault://"),
    "lister": (),
    "nobody": (),
}
"""Below which URIs it may read and complete whatever there is."""
METHODS: Final = (
    *("tools/call", "tools/call", "tools/call", "resources/read", "resources/subscribe"),
    *("resources/unsubscribe", "prompts/get", "completion/complete", "tasks/get", "tasks/result"),
)
BATCH: Final = 50
"""Lines between two looks at what ran."""


def line(dice: random.Random, number: int, envelope: dict[str, Any]) -> bytes:
    """Return one request, straight or odd."""
    method = dice.choice(METHODS)
    tool, uri, prompt = dice.choice(TOOLS), dice.choice(URIS), dice.choice(PROMPTS)
    params: dict[str, Any] = {**envelope, "name": tool, "arguments": {"text": "x", "uri": uri}}
    match method:
        case "tools/call":
            if dice.random() < 0.1:
                params["task"] = {"ttl": 1000}
        case "prompts/get":
            params = {**envelope, "name": prompt}
        case "completion/complete":
            template = dice.choice(["item://{number}", "vault://{number}", uri])
            ref = {"type": "ref/prompt", "name": prompt}
            if dice.random() < 0.5:
                ref = {"type": "ref/resource", "uri": template}
            params = {**envelope, "ref": ref, "argument": {"name": "x", "value": ""}}
        case "tasks/get" | "tasks/result":
            params = {**envelope, "taskId": f"task-{dice.randrange(9)}"}
        case _:
            params = {**envelope, "uri": uri}
    body = {"jsonrpc": "2.0", "id": f"call-{number}", "method": method, "params": params}
    return dice.choice(SPELLINGS)(dice, json.dumps(body)).encode("utf-8", "surrogatepass")


def straight(_dice: random.Random, text: str) -> str:
    """Leave it as it is."""
    return text


def escaped(dice: random.Random, text: str) -> str:
    """Spell some letters as escapes, which mean the same."""
    letters = [
        f"\\u{ord(c):04x}" if c.isalpha() and c not in "abfnrtu" and dice.random() < 0.2 else c
        for c in text
    ]
    return "".join(letters)


def doubled(dice: random.Random, text: str) -> str:
    """Say a key twice, the second time otherwise."""
    key, value = dice.choice([("name", dice.choice(TOOLS)), ("uri", dice.choice(URIS))])
    for place in (f'"{key}": ', '"params": '):
        if place in text:
            return text.replace(place, f'"{key}": "{value}", {place}', 1)
    return text


def folded(dice: random.Random, text: str) -> str:
    """Say a key in another case beside the right one."""
    value = dice.choice(TOOLS)
    return text.replace('"name": ', f'"Name": "{value}", "name": ', 1)


def padded(dice: random.Random, text: str) -> str:
    """Make a name one that looks alike."""
    name = dice.choice(TOOLS + URIS)
    odd = dice.choice([" {}", "{} ", "{}\\u200b", "{}\\u0000", "\\u202e{}", "{}/../{}", "{}%2e"])
    return text.replace(f'"{name}"', '"' + odd.replace("{}", name) + '"', 1)


def shouted(_dice: random.Random, text: str) -> str:
    """Say it in another case."""
    return text.swapcase()


def batched(_dice: random.Random, text: str) -> str:
    """Say it in a batch."""
    return f"[{text}, {text}]"


def cut(dice: random.Random, text: str) -> str:
    """Lose the end, or a character on the way."""
    at = dice.randrange(len(text))
    return text[:at] + text[at + 1 :] if dice.random() < 0.5 else text[:at]


def without_id(_dice: random.Random, text: str) -> str:
    """Ask for no answer."""
    return text.replace('"id": "call-', '"ID": "call-', 1)


SPELLINGS: Final[tuple[Callable[[random.Random, str], str], ...]] = (
    *(straight, straight, straight, escaped, escaped, doubled, folded, padded),
    *(shouted, batched, cut, without_id),
)


def forbidden(ran: list[str], role: str, before: list[str]) -> list[str]:
    """Return what ran of what the role may not use; the server notes the method and the name."""
    found: list[str] = []
    for done in ran:
        method, _, name = done.partition(" ")
        if method.startswith(("tasks/", "notified")):
            continue  # a task is known to whoever began it; notifications use nothing
        if method == "resources/unsubscribe" and f"resources/subscribe {name}" in before + ran:
            continue  # what was begun with may be ended without
        if method == "completion/complete":
            reference = json.loads(name)
            name = reference.get("name") or reference.get("uri")
        if name not in MAY[role] and not name.startswith(UNDER[role]):
            found.append(done)
    return found


def play(folder: Path, era: str, count: int, seed: int) -> int:
    """Send ``count`` lines in random roles; return how much ran, all of it allowed."""
    dice = random.Random(seed)  # noqa: S311 - a game, no secret
    roles = cycle(dice.sample(list(MAY), len(MAY)))
    allowed = 0
    with Guarded(folder, era) as wire:
        wire.open()
        number = 0
        while number < count:
            role = next(roles)
            if role == "nobody":
                wire.sign_out()
            else:
                wire.sign_in("ada", role, serial=number)
            before = wire.ran()
            for number in range(number, number + BATCH):  # noqa: B020 - counts on
                wire.send(line(dice, number, wire.params()))
            for method in LISTS:  # what was sent before has reached the server by then
                wire.request(method)
            ran = wire.ran()[len(before) :]
            assert forbidden(ran, role, before) == [], (seed, role)
            allowed += len(ran)
            number += 1
            wire.heard.clear()
    return allowed


@pytest.mark.parametrize("era", ERAS)
def test_nothing_runs_that_the_policy_forbids(era: str, tmp_path: Path) -> None:
    """A few hundred random lines in all roles; and some of them did run."""
    seed = random.randrange(1_000_000)  # noqa: S311 - printed when it fails
    assert play(tmp_path, era, 600, seed) > 30


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("era", ERAS)
def test_the_full_count(era: str, tmp_path: Path) -> None:
    """100,000 lines, half of them in each era."""
    assert play(tmp_path, era, 50_000, 2026) > 1000
