"""What the two app registrations must say, whatever language they are written in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from mcp_local.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCOPE: Final = "access_as_user"
LOOPBACK: Final = "http://localhost"
"""The port is ignored, the path is not."""
_SPACE: Final = UUID("5f0c1c0e-6f0a-5c3b-9a55-0b7a3b8f6d21")
"""Where the ids of roles and scopes come from, so that every run makes the same ones."""
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VALUE: Final = re.compile(r"[\w!#$%&'()*+,\-./:;<=>?@\[\]^`|~]{1,120}")
"""What Entra ID takes as an app role's value: no blanks, 120 characters."""
_LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class AppRole:
    """One app role of the API."""

    id: str
    value: str
    """As it stands in tokens and policies."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A person or group that is given a role."""

    role: AppRole
    principal: str
    """Object id."""


@dataclass(frozen=True, slots=True)
class AppPlan:
    """An API app that carries the roles, and a client app that signs people in."""

    name: str
    roles: tuple[AppRole, ...]
    scope_id: str
    assignments: tuple[Assignment, ...] = ()
    device_code: bool = False
    """Whether public client flows are allowed, which device code needs."""
    broker: bool = False
    """Whether the redirect URIs of the systems' account brokers are registered."""

    @property
    def client_name(self) -> str:
        """What the client app is called; ``name`` is the API's."""
        return f"{self.name} (desktop)"


def make_plan(
    name: str,
    roles: Iterable[str],
    assign: Iterable[str] = (),
    *,
    device_code: bool = False,
    broker: bool = False,
) -> AppPlan:
    """Return the plan for the roles of a policy; the same names always give the same ids.

    ``assign`` holds ``ROLE=OBJECT-ID``.

    Raises:
        UsageError: a name, role or assignment that Entra ID wouldn't take.
    """
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(f"{name!r} is no name for an app.", hint="1 to 100 printable characters.")
    known = {value: AppRole(_id(name, "role", value), value) for value in sorted(set(roles))}
    for value in known:
        if not _VALUE.fullmatch(value) or value.startswith("."):
            raise UsageError(f"Entra ID takes no app role with the value {value!r}.")
        if value == SCOPE:  # scopes and roles share one namespace
            raise UsageError(f"A role can't be called {SCOPE}: the scope is.")
    if not known:
        raise UsageError("The policy names no roles.", hint="Roles stand under `roles:`.")
    return AppPlan(
        name,
        tuple(known.values()),
        _id(name, "scope", SCOPE),
        tuple(_assignment(text, known) for text in assign),
        device_code=device_code,
        broker=broker,
    )


def _assignment(text: str, known: Mapping[str, AppRole]) -> Assignment:
    value, _, principal = text.rpartition("=")
    if value not in known or not _GUID.fullmatch(principal):
        raise UsageError(
            f"--assign {text!r} is no ROLE=OBJECT-ID.",
            hint=f"Roles of the policy are: {', '.join(known)}. The object id is that of a person "
            "or group.",
        )
    return Assignment(known[value], principal.lower())


def _id(name: str, kind: str, value: str) -> str:
    return str(uuid5(_SPACE, f"{name}\n{kind}\n{value}"))
