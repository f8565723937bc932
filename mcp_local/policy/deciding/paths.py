"""The operator ``under``: is what a path really leads to inside a folder (POLICY.md 6).

What is looked at is the disk of this moment: whoever may change links there can change where a
path leads before the tool uses it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mcp_local.policy.vocabulary.json_texts import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp_local.policy.vocabulary.operators import Truth

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""Two letters at least: one is a drive."""
_OUR_OWN = re.compile(r"/proc/(?:self|thread-self)(?:/|$)|/dev/(?:fd|std(?:in|out|err))(?:/|$)")
"""What leads elsewhere in another process than ours."""
MOST = 1000
"""Paths of a list; to look at each takes some microseconds, which hold up the server."""


def under(folders: Sequence[str], start: Path) -> Callable[[object], Truth]:
    """Return a test: does a path, or do all paths of a list, lie in one of the folders.

    ``start`` is where relative paths begin: the target's working folder. A path that begins with
    ``~`` must lie inside whether or not the target takes it for the home folder, and one with a
    variable of the environment (``$HOME``) whether or not the target puts it in; of a list where
    some do and some don't, of one with over ``MOST`` entries, and of what is no path, or one that
    means something else in another process, it is unknown; so it is of a text that a server may
    read as a list, unless path and list both lie inside, or both don't. On Windows it is unknown of
    a path on a share where neither ``start`` nor a folder is: to look there would sign the person
    in at whatever machine a model names.
    """
    places = [_resolve(folder, start, home=True) for folder in folders]
    near = frozenset(each.drive.lower() for each in (start, *places) if each is not None)

    def test(seen: object) -> Truth:
        if isinstance(seen, str):
            paths = listed(seen)
            truth = _lies(seen, places, start, near)
            return truth if paths is None or test(paths) is truth else None
        if not isinstance(seen, list | tuple):
            return None
        paths = cast("list[object]", seen)
        return _agreed([test(each) for each in paths]) if 0 < len(paths) <= MOST else None

    return test


def _lies(text: str, places: Sequence[Path | None], start: Path, near: frozenset[str]) -> Truth:
    if not text or _URI.match(text):
        return None
    spellings = dict.fromkeys((text, os.path.expandvars(text)))
    paths = [_resolve(each, start, near, home=False) for each in spellings]
    if text.startswith("~"):
        paths += [_resolve(each, start, near, home=True) for each in spellings]
    return _agreed([None if path is None else _inside(path, places) for path in paths])


def _agreed(truths: Sequence[Truth]) -> Truth:
    return truths[0] if len(set(truths)) == 1 else None


def _resolve(
    text: str, start: Path, near: frozenset[str] | None = None, *, home: bool
) -> Path | None:
    """Return the absolute path without ``..`` and links, or ``None`` where there can be none.

    ``near`` are the drives and shares that are looked at; left out: all.
    """
    try:
        path = start / (Path(text).expanduser() if home else Path(text))
        share = path.drive.lower() if path.drive.startswith("\\\\") else ""
        if share and near is not None and share not in near:
            return None
        if _OUR_OWN.match(os.path.normpath(path)):
            return None
        return Path(os.path.realpath(path))
    except (OSError, ValueError, RuntimeError):  # too long, NUL inside, nobody's home
        return None


def _inside(path: Path, places: Sequence[Path | None]) -> Truth:
    answers = [None if place is None else _in(path, place) for place in places]
    if True in answers:
        return True
    return None if None in answers else False


def _in(path: Path, place: Path) -> bool:
    """Compare by text, and by what is there: a disk may take two spellings for one folder."""
    if path.is_relative_to(place):
        return True
    try:
        there = place.stat()
    except (OSError, ValueError):
        return False
    return any(_is(folder, there) for folder in (path, *path.parents))


def _is(folder: Path, there: os.stat_result) -> bool:
    try:
        return os.path.samestat(folder.stat(), there)
    except (OSError, ValueError):
        return False
