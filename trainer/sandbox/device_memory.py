"""Overwrites what earlier processes left in the memory of a GPU: ``python -m trainer.sandbox.device_memory``.

All that is free on every device in CUDA_VISIBLE_DEVICES is taken, set to zero and given back, by calls of the
driver alone. One line on stdout says how many bytes that were; what goes wrong is on stderr. Standard library
only: it runs before a variant may.
"""

import ctypes
import sys
import time
from collections.abc import Callable
from typing import Any

LIBRARY = "libcuda.so.1"

LARGEST, SMALLEST = 1 << 30, 1 << 21
"""Bytes taken at once: by halves down to the driver's page, so that little between two blocks stays."""

SECONDS = 10.0
"""An accelerator writes a terabyte a second, and needs half of one to begin."""

Now = Callable[[], float]


class DriverError(Exception):
    """The driver refused. ``str`` says what."""


class Driver:
    """The calls needed, of one library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._check("cuInit", 0)

    def devices(self) -> int:
        """How many are visible."""
        count = ctypes.c_int()
        self._check("cuDeviceGetCount", ctypes.byref(count))
        return count.value

    def clear(self, number: int, ends: float, now: Now) -> int:
        """Set to zero what is free on one device, until ``ends``. Returns the bytes."""
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self._check("cuDeviceGet", ctypes.byref(device), number)
        self._check("cuCtxCreate_v2", ctypes.byref(context), 0, device)
        try:
            blocks = self._take(ends, now)
            for address, size in blocks:
                self._check("cuMemsetD8_v2", address, ctypes.c_ubyte(0), ctypes.c_size_t(size))
            self._check("cuCtxSynchronize")
            return sum(size for _, size in blocks)
        finally:
            self._check("cuCtxDestroy_v2", context)  # gives all of it back

    def _take(self, ends: float, now: Now) -> list[tuple[ctypes.c_uint64, int]]:
        blocks, size = [], LARGEST
        while size >= SMALLEST and now() < ends:
            address = ctypes.c_uint64()
            if self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size)) == 0:
                blocks.append((address, size))
            else:
                size //= 2
        return blocks

    def _check(self, name: str, *arguments: Any) -> None:
        if error := self._call(name, *arguments):
            raise DriverError(f"{name} failed with {error}")

    def _call(self, name: str, *arguments: Any) -> int:
        return int(getattr(self._library, name)(*arguments))


def clear_all(library: ctypes.CDLL, now: Now = time.monotonic, seconds: float = SECONDS) -> int:
    """Overwrite the free memory of all visible devices. Returns the bytes. Raises DriverError, AttributeError
    for a library that is no driver.
    """
    driver, ends = Driver(library), now() + seconds
    return sum(driver.clear(number, ends, now) for number in range(driver.devices()))


def main() -> None:
    """Entry of the process."""
    try:
        cleared = clear_all(ctypes.CDLL(LIBRARY))
    except (OSError, AttributeError, DriverError) as error:
        sys.exit(str(error))
    sys.stdout.write(f"{cleared}\n")


if __name__ == "__main__":
    main()
