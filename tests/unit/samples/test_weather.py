"""The sample server and the policy that comes with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp import MCPError

from mcp_local.guard.hosted import inventory
from mcp_local.identity.model import Identity
from mcp_local.policy.load import load_policy
from mcp_local.policy.model import Action, Request
from mcp_local.samples.weather import Station, mcp
from mcp_local.targets import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

GRANTED = {
    "Task.Read": {
        "get_weather",
        "get_forecast",
        "reverse_text",
        "weather://cities",
        "weather://cities/{city}",
        "weather_briefing",
    },
    "Task.Write": {"set_weather_alert"},
    "Task.All": {"get_weather_stats", "weather://alerts"},
    "Admin": {"clear_weather_data"},
}
"""What each role has beyond the one before."""


def using(use: Callable[[Client[Any]], Awaitable[Any]]) -> Any:
    """Use the server without any guard."""

    async def session() -> Any:
        async with Client(mcp) as client:
            return await use(client)

    return asyncio.run(session())


@pytest.fixture(autouse=True)
def _a_station_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts of one test aren't seen by another."""
    monkeypatch.setattr("mcp_local.samples.weather.station", Station())


def call(name: str, **arguments: object) -> Any:
    """Call a tool and return its data."""
    return using(lambda client: client.call_tool(name, arguments)).structured_content


def test_each_role_has_what_the_one_before_has_and_more() -> None:
    """Task.Read ⊂ Task.Write ⊂ Task.All ⊂ Admin, over everything the server has."""
    policy = load_policy(SAMPLES / "weather_policy.yaml")
    components = asyncio.run(inventory(mcp))
    expected: set[str] = set()
    for role, more in GRANTED.items():
        expected |= more
        who = Identity(
            tenant_id="t",
            object_id="o",
            roles=frozenset({role}),
            scopes=frozenset(),
            groups=frozenset(),
            client_id="c",
            issued_at=0,
            expires_at=1,
        )
        listed = {
            component.name
            for component in components
            if policy.decide(who, Request(Action.LIST), component).allowed
        }
        assert listed == expected, role
    assert {component.name for component in components} == expected


def test_answers_never_change() -> None:
    """The same question has the same answer, however the city is spelt."""
    assert call("get_weather", city=" oSLo ") == call("get_weather", city="Oslo")
    week = call("get_forecast", city="Lima", days=7)["result"]
    assert len(week) == 7
    assert call("get_forecast", city="lima", days=2)["result"] == week[:2]


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("get_weather", {"city": "Atlantis"}, "there is weather for Berlin"),
        ("get_forecast", {"city": "Oslo", "days": 8}, "between 1 and 7"),
        ("reverse_text", {"text": "x", "seconds": 31}, "between 0 and 30"),
        ("set_weather_alert", {"city": "Atlantis", "below": 0}, "no weather for 'Atlantis'"),
    ],
)
def test_mistakes_are_told_to_the_model(name: str, arguments: dict[str, object], text: str) -> None:
    """The text says what would be right."""
    with pytest.raises(ToolError, match=text):
        call(name, **arguments)


def test_alerts_are_set_counted_and_deleted() -> None:
    """What one tool changes the others see."""
    assert call("set_weather_alert", city="oslo", below=-10)["city"] == "Oslo"
    stats = call("get_weather_stats")
    assert (stats["alerts"], stats["warmest"], stats["coldest"]) == (1, "Cairo", "Oslo")
    assert "Oslo" in using(lambda client: client.read_resource("weather://alerts"))[0].text
    assert call("clear_weather_data")["result"] == "1 alerts deleted"
    assert call("get_weather_stats")["alerts"] == 0


def test_a_text_is_reversed_step_by_step() -> None:
    """Progress reaches the end, and never goes back."""
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert total == 10
        assert message
        seen.append(progress)

    arguments = {"text": "Oslo", "seconds": 0}
    result = using(lambda c: c.call_tool("reverse_text", arguments, progress_handler=note))
    assert result.data == "olsO"
    assert seen == sorted(seen)
    assert seen[-1] == 10


def test_resources_and_the_prompt_tell_of_cities() -> None:
    """A list, a template, and an error for a city that there isn't."""
    assert '"Nairobi"' in using(lambda c: c.read_resource("weather://cities"))[0].text
    assert '"misty"' in using(lambda c: c.read_resource("weather://cities/lima"))[0].text
    prompt = using(lambda c: c.get_prompt("weather_briefing", {"city": "Lima"}))
    assert "Lima" in prompt.messages[0].content.text
    with pytest.raises(MCPError, match="there is weather for"):
        using(lambda c: c.read_resource("weather://cities/atlantis"))
