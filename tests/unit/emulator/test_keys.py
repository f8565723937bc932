"""The signing keys and their publication."""

from __future__ import annotations

import base64
import hashlib
from typing import cast

from mcp_local.emulator.keys import KeyRing

Document = dict[str, list[dict[str, object]]]


def published(ring: KeyRing) -> list[dict[str, object]]:
    """Return the published keys."""
    return cast("Document", ring.jwks("https://issuer/"))["keys"]


def test_shape() -> None:
    """A key carries what the cloud's do: x5t and x5c, the issuer, and no alg."""
    key = published(KeyRing())[0]

    assert key.keys() == {"kty", "use", "kid", "x5t", "n", "e", "x5c", "issuer"}
    assert (key["kty"], key["use"], key["issuer"]) == ("RSA", "sig", "https://issuer/")
    certificate = base64.b64decode(cast("list[str]", key["x5c"])[0])
    thumbprint = hashlib.sha1(certificate, usedforsecurity=False).digest()
    assert base64.urlsafe_b64decode(f"{key['x5t']}=") == thumbprint


def test_several_keys_from_the_start() -> None:
    """There are several keys with kids of their own, and one of them signs."""
    ring = KeyRing()
    kids = [key["kid"] for key in published(ring)]

    assert len(set(kids)) == len(kids) >= 2
    assert ring.active.kid in kids


def test_roll_over() -> None:
    """After a roll-over a new key signs; the old one stays published unless it is retired."""
    ring = KeyRing()
    first = ring.active.kid

    second = ring.rotate()
    assert ring.active.kid == second != first
    assert first in [key["kid"] for key in published(ring)]
    third = ring.rotate(retire=True)
    kids = [key["kid"] for key in published(ring)]
    assert second not in kids
    assert {first, third} <= set(kids)


def test_rings_do_not_share_a_roll_over() -> None:
    """Keys are shared in a process, as between tenants in the cloud; roll-overs are not."""
    one, other = KeyRing(), KeyRing()
    one.rotate()

    assert one.active.kid != other.active.kid
    assert published(other)[0] in published(one)
