"""Microsoft's own hosts: real MSAL with their real names, through a proxy that ends here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.acquire import Broker
from mcp_local.broker.authority.refusal import InteractionNeeded
from mcp_local.broker.state import Storage
from mcp_local.broker.storage.store import Entry, MemoryStore
from mcp_local.settings import load
from mcp_local.settings.authority import CLOUDS
from tests.support.proxy import Proxy
from tests.support.site import Reply, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.site import Site

TENANT = "11111111-2222-4333-8444-555555555555"
CLIENT = "22222222-3333-4444-8555-666666666666"
INSTANCES = "/common/discovery/instance"


def publish(site: Site, host: str) -> None:
    """Put the cloud's documents on the site; its token endpoint refuses the refresh token."""
    base = f"https://{host}/{TENANT}"
    document = {
        "issuer": f"{base}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
    }
    body = json.dumps(document).encode()
    site.replies[f"/{TENANT}/v2.0/.well-known/openid-configuration"] = Reply(body)
    refused = {"error": "invalid_grant", "error_description": "AADSTS70008: expired"}
    site.replies[f"/{TENANT}/oauth2/v2.0/token"] = Reply(json.dumps(refused).encode(), 400)


def cache_of(host: str) -> bytes:
    """Return MSAL's cache with one person of that cloud."""
    whose = {"home_account_id": "u.t", "environment": host}
    account = {**whose, "local_account_id": "u", "realm": TENANT, "authority_type": "MSSTS"}
    refresh = {**whose, "client_id": CLIENT, "credential_type": "RefreshToken", "secret": "rt"}
    app = {"client_id": CLIENT, "environment": host}
    cache = {
        "Account": {"a": account},
        "RefreshToken": {"r": refresh},
        "AppMetadata": {f"appmetadata-{host}-{CLIENT}": app},
    }
    return json.dumps(cache).encode()


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> str:
    """Each of Microsoft's clouds."""
    return request.param


@pytest.fixture
def site(cloud: str, tmp_path: Path) -> Iterator[Site]:
    """A server that is the cloud's, as far as TLS can tell."""
    with serve(tmp_path, CLOUDS[cloud]) as site:
        publish(site, CLOUDS[cloud])
        yield site


@pytest.fixture
def broker(cloud: str, site: Site, home: Path) -> Iterator[Broker]:
    """A broker of a person who signed in to that cloud some time ago."""
    port = int(site.url.rpartition(":")[2])
    with Proxy(target=("127.0.0.1", port)).running() as proxy:
        environ = {
            "MCP_LOCAL_HOME": str(home),
            "MCP_LOCAL_TENANT_ID": TENANT,
            "MCP_LOCAL_CLIENT_ID": CLIENT,
            "MCP_LOCAL_CLOUD": cloud,
            "MCP_LOCAL_CA_FILE": str(site.ca_file),
            "MCP_LOCAL_PROXY": f"http://{proxy.address}",
        }
        store = MemoryStore(Storage("memory", encrypted=False, detail=""))
        store.save(Entry.MSAL, cache_of(CLOUDS[cloud]))
        with Broker(load({}, environ), store) as broker:
            yield broker


def test_the_browser_goes_to_the_cloud(cloud: str, broker: Broker) -> None:
    """Each national cloud has a host of its own."""
    flow = broker.entra.begin_browser("http://localhost:1")
    assert flow.auth_uri.startswith(f"https://{CLOUDS[cloud]}/{TENANT}/oauth2/v2.0/authorize?")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"{}", 503),
        Reply(b'{"error": "invalid_instance"}', 400),
        Reply(b"<html>"),
        Reply(b'{"metadata": [{"aliases": ["login.microsoftonline.com", "login.example"]}]}'),
    ],
)
def test_a_refusal_is_told_whatever_the_directory_of_hosts_says(
    site: Site, broker: Broker, reply: Reply
) -> None:
    """MSAL asks Microsoft's hosts for their aliases after a refusal; only the refusal counts."""
    site.replies[INSTANCES] = reply
    with pytest.raises(InteractionNeeded, match="AADSTS70008"):
        broker.renew()
    assert any(path.startswith(f"{INSTANCES}?") for _, path, _ in site.requests)
