"""The sample server: a weather station whose answers never change, so that they can be compared.

An ordinary FastMCP server: it knows nothing of mcp-local. Each component carries one tag, and the
policy beside this file says which role has which tag.
"""

import asyncio
import json
import zlib
from dataclasses import asdict, dataclass, field

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ResourceError, ToolError
from mcp_types import ToolAnnotations

mcp = FastMCP(
    "weather",
    instructions="Weather of a few cities. Ask for `weather://cities` to learn which.",
)


@dataclass(frozen=True)
class Weather:
    """The weather of one city at one moment or day."""

    city: str
    condition: str
    temperature: float
    """Degrees Celsius."""
    humidity: int
    """Percent."""


@dataclass(frozen=True)
class Alert:
    """A warning that somebody set for a city."""

    city: str
    message: str
    below: float
    """Degrees Celsius under which the warning holds."""


@dataclass(frozen=True)
class Stats:
    """What the station has in store."""

    cities: int
    alerts: int
    warmest: str
    coldest: str


CITIES = {
    "berlin": Weather("Berlin", "cloudy", 11.5, 71),
    "cairo": Weather("Cairo", "sunny", 31.0, 24),
    "lima": Weather("Lima", "misty", 18.5, 84),
    "nairobi": Weather("Nairobi", "sunny", 22.0, 55),
    "oslo": Weather("Oslo", "snowing", -3.5, 80),
    "tokyo": Weather("Tokyo", "raining", 16.0, 77),
}
CONDITIONS = ("sunny", "cloudy", "raining", "windy")


@dataclass
class Station:
    """What the tools change; it lasts as long as the process."""

    alerts: list[Alert] = field(default_factory=list[Alert])


station = Station()


def find(city: str) -> Weather:
    """Return the weather of ``city``, however it is spelt.

    Raises:
        KeyError: no such city; the text names those that there are.
    """
    weather = CITIES.get(city.strip().casefold())
    if weather is None:
        known = ", ".join(weather.city for weather in CITIES.values())
        raise KeyError(f"no weather for {city!r}; there is weather for {known}")
    return weather


def find_for_tool(city: str) -> Weather:
    """Return the weather of ``city``, or tell the model what it may ask for."""
    try:
        return find(city)
    except KeyError as error:
        raise ToolError(error.args[0]) from None


@mcp.tool(tags={"read"}, annotations=ToolAnnotations(read_only_hint=True))
def get_weather(city: str) -> Weather:
    """Tell the weather of a city right now."""
    return find_for_tool(city)


@mcp.tool(tags={"read"}, annotations=ToolAnnotations(read_only_hint=True))
def get_forecast(city: str, days: int = 3) -> list[Weather]:
    """Forecast the weather of a city for the next 1 to 7 days."""
    today = find_for_tool(city)
    if not 1 <= days <= 7:  # noqa: PLR2004 - the limit that the description names
        raise ToolError("days must be between 1 and 7")
    return [forecast(today, day) for day in range(1, days + 1)]


def forecast(today: Weather, day: int) -> Weather:
    """Make up the weather ``day`` days ahead: always the same for a city and a day."""
    chance = zlib.crc32(f"{today.city}/{day}".encode())
    return Weather(
        city=today.city,
        condition=CONDITIONS[chance % len(CONDITIONS)],
        temperature=today.temperature + chance % 9 - 4,
        humidity=min(100, today.humidity + chance % 5),
    )


@mcp.tool(tags={"write"}, annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False))
def set_weather_alert(city: str, below: float, message: str = "It gets cold") -> Alert:
    """Warn when the temperature of a city falls under `below` degrees Celsius."""
    alert = Alert(city=find_for_tool(city).city, message=message, below=below)
    station.alerts.append(alert)
    return alert


@mcp.tool(tags={"admin"}, annotations=ToolAnnotations(read_only_hint=True))
def get_weather_stats() -> Stats:
    """Tell what the station has in store: cities, alerts, extremes."""
    by_temperature = sorted(CITIES.values(), key=lambda weather: weather.temperature)
    return Stats(
        cities=len(CITIES),
        alerts=len(station.alerts),
        warmest=by_temperature[-1].city,
        coldest=by_temperature[0].city,
    )


@mcp.tool(tags={"delete"}, annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True))
def clear_weather_data() -> str:
    """Delete all alerts; they can't be brought back."""
    count = len(station.alerts)
    station.alerts.clear()
    return f"{count} alerts deleted"


@mcp.tool(tags={"read"}, annotations=ToolAnnotations(read_only_hint=True))
async def reverse_text(text: str, context: Context, seconds: float = 3.0) -> str:
    """Reverse a text slowly, over some seconds (30 at most), telling how far it has come."""
    if not 0 <= seconds <= 30:  # noqa: PLR2004 - the limit that the description names
        raise ToolError("seconds must be between 0 and 30")
    steps = 10
    for step in range(1, steps + 1):
        await asyncio.sleep(seconds / steps)
        await context.report_progress(step, steps, f"{step * len(text) // steps} characters")
    return text[::-1]


@mcp.resource("weather://cities", mime_type="application/json", tags={"read"})
def cities() -> str:
    """List the cities that there is weather for."""
    return json.dumps([weather.city for weather in CITIES.values()])


@mcp.resource("weather://cities/{city}", mime_type="application/json", tags={"read"})
def city_weather(city: str) -> str:
    """Tell the weather of a city right now."""
    try:
        return json.dumps(asdict(find(city)))
    except KeyError as error:
        raise ResourceError(error.args[0]) from None


@mcp.resource("weather://alerts", mime_type="application/json", tags={"admin"})
def alerts() -> str:
    """List all alerts that were set."""
    return json.dumps([asdict(alert) for alert in station.alerts])


@mcp.prompt(tags={"read"})
def weather_briefing(city: str) -> str:
    """Ask for a short briefing on the weather of a city."""
    return (
        f"Use get_weather and get_forecast for {city}. "
        "Then say in two sentences what to wear today and what the next days bring."
    )
