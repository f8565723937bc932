"""Whose token it is: SECURITY.md J13, J14."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_local.identity.issuer import PERSONAL_ACCOUNTS
from mcp_local.identity.keyset import parse_jwks
from mcp_local.identity.model import Rejection
from tests.support.tokens import (
    EXPECTED,
    ISSUER_V1,
    ISSUER_V2,
    OTHER_TENANT,
    TENANT,
    claims_v1,
    claims_v2,
    good_key,
    issuer_v1,
    issuer_v2,
    jwks,
    refusal,
)

SHARED = replace(
    EXPECTED,
    tenants=frozenset({TENANT, OTHER_TENANT}),
    issuer_v1=ISSUER_V1,
    issuer_v2=ISSUER_V2,
)
"""An authority that several tenants share: its issuer is a template."""

SHARED_KEYS = parse_jwks(jwks(good_key().jwk(issuer=ISSUER_V2)))


@pytest.mark.parametrize(
    "tenant",
    [
        OTHER_TENANT,
        "common",
        "organizations",
        "consumers",
        "{tenantid}",
        PERSONAL_ACCOUNTS,
        TENANT.upper(),
        f"{TENANT} ",
        f"{TENANT}\n",
        TENANT[:-1],
        TENANT.replace("-", ""),
        "../" + TENANT,
    ],
)
def test_j13_another_tenant_is_refused(tenant: str) -> None:
    """J13: only the exact GUID of an accepted tenant passes, even with an issuer that fits it."""
    token = good_key().token(claims_v2(tid=tenant, iss=issuer_v2(tenant)))
    assert refusal(token) is Rejection.TENANT


@pytest.mark.parametrize("tenant", ["common", "{tenantid}", PERSONAL_ACCOUNTS, "*"])
def test_j13_some_tenants_are_refused_whatever_the_settings(tenant: str) -> None:
    """J13: what is no tenant's id, and the tenant of personal accounts, can't be allowed."""
    expected = replace(SHARED, tenants=frozenset({tenant}))
    token = good_key().token(claims_v2(tid=tenant, iss=issuer_v2(tenant)))
    assert refusal(token, keys=SHARED_KEYS, expected=expected) is Rejection.TENANT


def test_j13_no_accepted_tenant_accepts_nothing() -> None:
    """An empty rule refuses."""
    expected = replace(EXPECTED, tenants=frozenset())
    assert refusal(good_key().token(claims_v2()), expected=expected) is Rejection.TENANT


@pytest.mark.parametrize(
    "issuer",
    [
        issuer_v2(OTHER_TENANT),
        issuer_v2() + "/",
        issuer_v2().replace("https", "http"),
        issuer_v2().upper(),
        ISSUER_V2,
        issuer_v2("common"),
        "https://login.microsoftonline.us/" + TENANT + "/v2.0",
        "https://evil.example/" + issuer_v2(),
        issuer_v2() + "\n",
        "x",
    ],
)
def test_j13_the_issuer_is_exactly_the_tenants(issuer: str) -> None:
    """J13: ``tid`` and ``iss`` name the same tenant, and the issuer is the one of the metadata."""
    assert refusal(good_key().token(claims_v2(iss=issuer))) is Rejection.ISSUER


@pytest.mark.parametrize("tenant", [TENANT, OTHER_TENANT])
def test_j13_tenants_of_the_list_are_accepted(tenant: str) -> None:
    """J13: a template is filled with ``tid``, which must be on the list."""
    for claims in (
        claims_v2(tid=tenant, iss=issuer_v2(tenant)),
        claims_v1(tid=tenant, iss=issuer_v1(tenant)),
    ):
        assert refusal(good_key().token(claims), keys=SHARED_KEYS, expected=SHARED) is None


def test_j13_tid_and_iss_of_two_accepted_tenants_do_not_mix() -> None:
    """J13: both are on the list, but they aren't one."""
    token = good_key().token(claims_v2(tid=TENANT, iss=issuer_v2(OTHER_TENANT)))
    assert refusal(token, keys=SHARED_KEYS, expected=SHARED) is Rejection.ISSUER


def test_j14_version_and_issuer_belong_together() -> None:
    """J14: a v1.0 issuer with ``ver`` 2.0, and the reverse, is neither."""
    assert refusal(good_key().token(claims_v2(iss=issuer_v1()))) is Rejection.VERSION
    assert refusal(good_key().token(claims_v1(iss=issuer_v2()))) is Rejection.VERSION


@pytest.mark.parametrize("version", ["3.0", "2", "2.0 ", "v2.0", "1"])
def test_j14_other_versions_are_refused(version: str) -> None:
    """J14: there are 1.0 and 2.0."""
    assert refusal(good_key().token(claims_v2(ver=version))) is Rejection.VERSION


def test_j14_v1_is_refused_where_the_authority_has_none() -> None:
    """J14: without a v1.0 issuer in the metadata no v1.0 token can be right."""
    expected = replace(EXPECTED, issuer_v1="")
    assert refusal(good_key().token(claims_v1()), expected=expected) is Rejection.VERSION
    assert refusal(good_key().token(claims_v2()), expected=expected) is None


@pytest.mark.parametrize(
    "issuer",
    [issuer_v2(OTHER_TENANT), issuer_v2(PERSONAL_ACCOUNTS), "https://evil.example", "{tenantid}"],
)
def test_j14_a_key_of_another_issuer_is_refused(issuer: str) -> None:
    """J14: the set may list keys of others; they sign nothing for this tenant."""
    keys = parse_jwks(jwks(good_key().jwk(issuer=issuer)))
    for claims in (claims_v2(), claims_v1()):
        assert refusal(good_key().token(claims), keys=keys) is Rejection.ISSUER


@pytest.mark.parametrize("issuer", [issuer_v2(), issuer_v1(), ISSUER_V2, ISSUER_V1, ""])
def test_j14_a_key_of_this_issuer_signs_both_versions(issuer: str) -> None:
    """J14: Entra writes the v2.0 issuer, or the template, beside keys that sign v1.0 tokens too."""
    keys = parse_jwks(jwks(good_key().jwk(issuer=issuer)))
    for claims in (claims_v2(), claims_v1()):
        assert refusal(good_key().token(claims), keys=keys) is None


def test_j14_a_shared_set_must_say_whose_each_key_is() -> None:
    """J14: where the issuer is a template, a key without an issuer signs nothing."""
    keys = parse_jwks(jwks(good_key().jwk(issuer=None)))
    token = good_key().token(claims_v2())
    assert refusal(token, keys=keys, expected=SHARED) is Rejection.ISSUER
