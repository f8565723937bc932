from enum import Enum

class HeaderFields(Enum):
    member = 3

class Header:
    fields: dict[HeaderFields, object]

class Message:
    header: Header
    body: tuple[object, ...]

class DBusErrorResponse(Exception):
    name: str

class DBusAddress:
    def __init__(
        self, object_path: str, bus_name: str | None = ..., interface: str | None = ...
    ) -> None: ...

def new_method_call(
    remote_obj: DBusAddress,
    method: str,
    signature: str | None = ...,
    body: tuple[object, ...] = ...,
) -> Message: ...
