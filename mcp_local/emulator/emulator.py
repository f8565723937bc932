"""The emulator: a local Entra ID for development and tests."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from mcp_local.emulator.aadsts import Refused
from mcp_local.emulator.application import human_app, machine_app
from mcp_local.emulator.authority import Authority, Options
from mcp_local.emulator.certificates import make_certificates
from mcp_local.emulator.defaults import default_directory
from mcp_local.emulator.directory import Consent
from mcp_local.emulator.faults import Faults
from mcp_local.emulator.request_log import RequestLog
from mcp_local.emulator.scopes import Wanted, parse_one_resource
from mcp_local.emulator.server import ServerThread, check_loopback, loopback_sockets
from mcp_local.emulator.tokens import Mint, Span
from mcp_local.emulator.visitor import browser_command
from mcp_local.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from types import TracebackType

    from mcp_local.emulator.directory import Directory, Person


class Emulator:
    """A running Entra ID on loopback that real MSAL can't tell from the cloud.

    >>> with Emulator() as entra:
    ...     environment = entra.environment("reader")

    ``directory`` is who and what there is (default: one person for each situation worth trying).
    ``port`` is the one of HTTPS, 0 takes a free one; the pages for people come over plain HTTP on
    ``pages_port``. ``options`` says how it behaves. Everything lives in memory, but the CA's
    certificate, which lies in a temporary folder until the emulator stops.

    All methods may be called from any thread while it runs.
    """

    def __init__(
        self,
        directory: Directory | None = None,
        *,
        port: int = 0,
        pages_port: int = 0,
        host: str = "localhost",
        options: Options | None = None,
    ) -> None:
        check_loopback(host)
        self._ports = (port, pages_port)
        self._authority = Authority(directory or default_directory(), options or Options())
        certificates = make_certificates()
        self._ca = certificates.ca
        self._folder: TemporaryDirectory[str] | None = None
        self.faults = Faults()
        """Faults to inject: ``entra.faults.add(Fault(path="*/token", status=503))``."""
        self.requests = RequestLog()
        """What was asked so far."""
        self._thread = ServerThread(
            certificates.server,
            machine_app(self._authority, self.requests, self.faults),
            human_app(self._authority, self.requests, self.faults),
        )

    # Running

    def start(self) -> Self:
        """Start serving.

        Raises:
            UsageError: a port is in use, by this emulator itself when it runs already.
        """
        self._listen()
        self._folder = TemporaryDirectory(prefix="mcp-local-emulator-")
        self.ca_file.write_bytes(self._ca)
        return self

    def _listen(self) -> None:
        secure = loopback_sockets(self._ports[0])
        try:
            plain = loopback_sockets(self._ports[1])
        except UsageError:
            for one in secure:
                one.close()
            raise
        self._ports = (secure[0].getsockname()[1], plain[0].getsockname()[1])
        self._authority.origin = f"https://localhost:{self._ports[0]}"
        self._authority.pages = f"http://localhost:{self._ports[1]}"
        self._thread.start(secure, plain)

    def stop(self) -> None:
        """Stop serving and remove the CA file; what goes on is broken off."""
        self._thread.stop()
        if self._folder:
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @contextmanager
    def switched_off(self) -> Generator[None]:
        """Be out of reach (connections are refused), then go on at the same ports."""
        self._thread.stop()
        try:
            yield
        finally:
            self._listen()

    # What to tell a client

    @property
    def authority(self) -> str:
        """Authority URL: ``https://localhost:PORT/<tenant id>``."""
        return f"{self._authority.origin}/{self.tenant_id}"

    @property
    def pages(self) -> str:
        """Origin of the pages for people: ``http://localhost:PORT``.

        The same pages come over HTTPS at the authority's origin, with a certificate that browsers
        warn about.
        """
        return self._authority.pages

    @property
    def ca_file(self) -> Path:
        """The CA's certificate (PEM), for ``verify=`` and ``MCP_LOCAL_CA_FILE``.

        Raises:
            UsageError: the emulator doesn't run.
        """
        if self._folder is None:
            raise UsageError("the emulator doesn't run: start it first")
        return Path(self._folder.name, "ca.pem")

    @property
    def tenant_id(self) -> str:
        """GUID of the tenant; random unless the directory names one."""
        return self.directory.tenant_id

    @property
    def client_id(self) -> str:
        """GUID of the client app."""
        return self.directory.client.client_id

    @property
    def api_id(self) -> str:
        """GUID of the API app; its roles are the people's."""
        return self.directory.api.api_id

    @property
    def scope(self) -> str:
        """The API's first scope, as the default settings ask for it (GUID form)."""
        return f"{self.api_id}/{self.directory.api.scopes[0]}"

    def environment(self, user: str = "") -> dict[str, str]:
        """Return the variables that point ``mcp-local`` here.

        With ``user`` also ``BROWSER``, so that this person signs in without a screen.

        Raises:
            UsageError: there is no such person.
        """
        variables = {
            "MCP_LOCAL_TENANT_ID": self.tenant_id,
            "MCP_LOCAL_CLIENT_ID": self.client_id,
            "MCP_LOCAL_API": self.api_id,
            "MCP_LOCAL_AUTHORITY": self.authority,
            "MCP_LOCAL_CA_FILE": str(self.ca_file),
        }
        if user:
            variables["BROWSER"] = browser_command(self.person(user).username)
        return variables

    # The directory

    @property
    def directory(self) -> Directory:
        """Who and what there is; set another to change it from the next request on."""
        return self._authority.directory

    @directory.setter
    def directory(self, directory: Directory) -> None:
        self._authority.directory = directory

    def person(self, user: str) -> Person:
        """Return the person called ``user``: user name (short or full), name or object id.

        Raises:
            UsageError: there is no such person.
        """
        found = self.directory.find(user)
        if found is None:
            known = ", ".join(person.short_name for person in self.directory.people)
            raise UsageError(f"the emulator's directory has no {user}", hint=f"There are: {known}.")
        return found

    def put_person(self, person: Person) -> None:
        """Add a person, or replace the one with the same object id."""
        others = tuple(one for one in self.directory.people if one.object_id != person.object_id)
        self.directory = replace(self.directory, people=(*others, person))

    def assign(self, user: str, *roles: str) -> None:
        """Give a person these app roles and no others; shows in the next token."""
        self.put_person(replace(self.person(user), roles=roles))

    def revoke_sessions(self, user: str) -> None:
        """Take back a person's grants, as a changed password does: AADSTS50173 at the next one."""
        self._authority.sessions.revoke(self.person(user).object_id)

    def withdraw_consent(self, user: str) -> None:
        """Take a person's consent back: AADSTS65001 until they consent on the page."""
        person = replace(self.person(user), consent=Consent.ASK)
        self.put_person(person)
        self._authority.sessions.withdraw_consent(person.object_id)

    # Keys and tokens

    def rotate_keys(self, *, retire: bool = False) -> str:
        """Sign with a new key from now on and return its kid.

        With ``retire`` the key that signed until now is no longer published.
        """
        return self._authority.keys.rotate(retire=retire)

    def mint(
        self,
        user: str,
        *,
        scope: str = "",
        version: int = 0,
        lifetime: float | None = None,
        headers: Mapping[str, str] | None = None,
        **claims: object,
    ) -> str:
        """Return an access token for ``user``, signed by the current key, without a sign-in.

        ``scope`` is the API's first scope when left out, ``version`` the API's own when 0,
        ``lifetime`` (seconds, may be negative) that of the options. ``claims`` replace those of
        the token; ``None`` takes one out. ``headers`` are added to the JWT's.

        Raises:
            UsageError: there is no such person, or no such scope.
        """
        authority = self._authority
        wanted = self._wanted(scope or self.scope)
        seconds = authority.options.lifetime if lifetime is None else lifetime
        span = Span.starting(authority.now(), seconds)
        mint = Mint(self.directory, authority.issuers, span)
        made = mint.access(self.person(user), wanted, version=version)
        kept = {name: value for name, value in (made | claims).items() if value is not None}
        x5t = (version or wanted.resource.token_version) == 1
        return authority.keys.sign(kept, x5t=x5t, headers=headers)

    def _wanted(self, scope: str) -> Wanted:
        try:
            return parse_one_resource(scope, self.directory)
        except Refused as refused:
            raise UsageError(str(refused)) from refused
