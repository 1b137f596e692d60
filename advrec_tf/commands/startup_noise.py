"""TensorFlow's start-up lines on the standard error, which say nothing to a user of a command.

They are written by C++ code to file descriptor 2, so a filter sits on the descriptor: lines of
level I(nfo) and W(arning) in the formats of absl and TensorFlow are left out, all others pass.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Iterator

_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]\d{4} \d\d:\d\d:"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] "
    rb"|E\d{4} [^\n]*oneDNN supports DT_[A-Z0-9]+ only"
    rb"|To enable the following instructions:"
)


@contextlib.contextmanager
def filtered() -> Iterator[None]:
    """Inside the block, the standard error without those lines."""
    sys.stderr.flush()
    kept, (reading, writing) = os.dup(2), os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    thread = threading.Thread(target=_forward, args=(reading, os.dup(kept)), daemon=True)
    thread.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)  # the last writing end closes, unless a child process holds one
        thread.join(timeout=1)
        os.close(kept)


def _forward(reading: int, out: int) -> None:
    """Copy lines until the last writer closes, which a child process may do after the block."""
    with os.fdopen(reading, "rb") as lines, os.fdopen(out, "wb", buffering=0) as err:
        for line in lines:
            if not _NOISE.match(line):
                with contextlib.suppress(OSError):
                    err.write(line)
