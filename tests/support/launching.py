"""Starts a program of ours as a fork: ``python -IS launching.py SOCKET PYTHON WORDS…``.

``WORDS`` are those of Python: ``[-P] -m mcp_local…``, ``[-P] -c …mcp_local…`` or ``[-P] FILE.py``;
all else ``PYTHON`` itself runs. It stands for the fork as long as that runs: hands signals on and
ends as it does; killed, it takes the fork along. Only built-in modules here: it is started hundreds
of times.
"""

from __future__ import annotations

import _socket
import marshal
import os
import signal
import sys

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def ask(  # noqa: PLR0913 - all that a process begins with
    socket: str,
    words: list[str],
    *,
    python: str,
    environ: dict[str, str],
    folder: str,
    files: dict[int, int],
) -> _socket.socket:
    """Ask for a fork; return where its id is told, and its exit code once it ended.

    ``python`` is what it takes for its ``sys.executable``, ``files`` are its descriptors: ours by
    their numbers there.
    """
    channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    channel.connect(socket)
    body = marshal.dumps((words, python, environ, folder, [*files]))
    rights = b"".join(ours.to_bytes(4, sys.byteorder) for ours in files.values())
    size = len(body).to_bytes(4, "big")
    channel.sendmsg([size], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    channel.sendall(body)
    return channel


def told(channel: _socket.socket) -> int:
    """Wait for the next number: the fork's id, then its exit code."""
    said = channel.recv(4)
    if len(said) < 4:  # the warm process is gone
        sys.exit("nobody forks any more")
    return int.from_bytes(said, "big", signed=True)


def _is_ours(words: list[str]) -> bool:
    if "PYTHONPATH" in os.environ:  # it may bring other modules than those that are there
        return False
    first = words[1:] if words[:1] == ["-P"] else words
    if first[:1] == ["-m"]:
        return first[1].partition(".")[0] == "mcp_local"
    if first[:1] == ["-c"]:
        return "mcp_local" in first[1]
    return bool(first) and first[0].endswith(".py")


def _inherited() -> list[int]:
    """Return the descriptors that this process was given."""
    numbers = map(int, os.listdir("/proc/self/fd"))  # noqa: PTH208 - start-up
    return [number for number in numbers if _is_inherited(number)]


def _is_inherited(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:  # what the list was read from
        return False


def main() -> None:
    """Start the fork, and be it for whoever started this."""
    socket, python, *words = sys.argv[1:]
    files = _inherited() if _is_ours(words) else []
    if not {0, 1, 2} <= {*files}:
        os.execv(python, [python, *words])  # noqa: S606 - no shell is wanted
    warm = os.path.join(os.path.dirname(socket), "python")  # noqa: PTH118, PTH120 - start-up
    channel = ask(
        socket,
        words,
        python=warm,
        environ={**os.environ},
        folder=os.getcwd(),  # noqa: PTH109 - start-up
        files={number: number for number in files},
    )
    pid = told(channel)
    for number in _SIGNALS:
        signal.signal(number, lambda number, _frame: os.kill(pid, number))
    for number in files:
        os.close(number)  # the ends of its pipes are the fork's alone
    code = told(channel)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
