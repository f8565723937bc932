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
