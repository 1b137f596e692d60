"""Scripts that run in a process of their own, such as those whose memory is measured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import advrec_tf as ar


def found_by(script, *arguments) -> dict:
    """The JSON of the one line "FOUND ..." that a Python script prints with these arguments."""
    environment = {**os.environ, "PYTHONPATH": str(Path(ar.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    return json.loads(line.removeprefix("FOUND "))
