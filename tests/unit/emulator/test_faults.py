"""The faults in force."""

from __future__ import annotations

import pytest

from mcp_local.emulator import Fault
from mcp_local.emulator.faults import Faults
from mcp_local.errors import UsageError


def test_counted() -> None:
    """A fault happens as often as it says, then no more."""
    faults, fault = Faults(), Fault(status=500, times=2)
    faults.add(fault)

    assert [faults.take("/x") for _ in range(3)] == [fault, fault, None]
    assert faults.happened(fault) == 2


def test_until_cleared() -> None:
    """Without a number it happens until it is cleared."""
    faults, fault = Faults(), Fault(status=500, times=None)
    faults.add(fault)

    assert all(faults.take("/x") is fault for _ in range(5))
    faults.clear()
    assert faults.take("/x") is None


def test_the_oldest_match_happens() -> None:
    """Of several faults the oldest whose path matches happens."""
    faults = Faults()
    keys, first, second = Fault(path="*/keys", status=1), Fault(status=2), Fault(status=3)
    for fault in (keys, first, second):
        faults.add(fault)

    assert [faults.take("/a/token") for _ in range(3)] == [first, second, None]
    assert faults.take("/a/discovery/keys") is keys


@pytest.mark.parametrize("fault", [Fault(), Fault(status=1, times=0), Fault(status=1, times=-1)])
def test_senseless_faults(fault: Fault) -> None:
    """A fault that changes nothing, or never happens, is a mistake."""
    with pytest.raises(UsageError):
        Faults().add(fault)
