"""A wall clock per node. CLOCK_REALTIME has no namespace, so each daemon asks libfaketime (Debian's) instead of the kernel.

Only what shows the date is shifted; CLOCK_MONOTONIC and CLOCK_BOOTTIME stay the kernel's, as when a person or a time
daemon sets a machine's clock. What the kernel itself does by the date (timers on CLOCK_REALTIME) isn't covered.
"""

import subprocess
from pathlib import Path

_LIBRARIES = "*/faketime/libfaketimeMT.so.1"


class WallClock:
    """The clock that a daemon sees when it is started with `environment`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.shift(0)
        library = next(Path("/usr/lib").glob(_LIBRARIES), None)
        if library is None:
            raise FileNotFoundError(f"no /usr/lib/{_LIBRARIES}: apt-get install faketime")
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            # A file read for every look at a clock would be a fault of its own, on the election thread too.
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def shift(self, seconds: int) -> None:
        """Sets the clock that far from true time, within a second."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._file)

    def seconds_ahead(self) -> float:
        """How far ahead a program sees it: the proof that the shift works here."""
        ask = ["date", "+%s.%N"]
        true = float(subprocess.run(ask, capture_output=True, check=True, text=True).stdout)
        seen = subprocess.run(ask, capture_output=True, check=True, text=True, env=self.environment)
        return float(seen.stdout) - true
