"""Devices that callers of the API name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.api.arguments import as_optional_text

if TYPE_CHECKING:
    from edgekit.devices.timing import DeviceTimer


def device_timer(where: object) -> DeviceTimer | None:
    """The timer of the device that a caller names with ``device``; None for none.

    Raises:
        EdgekitError: There is no such device, or times measured there mean nothing.
        ArgumentTypeError: The name is not a text.
    """
    name = as_optional_text(where, "device")
    if name is None:
        return None
    from edgekit.devices.timing import DeviceTimer, find_timed_device

    return DeviceTimer(find_timed_device(name))
