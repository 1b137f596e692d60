r"""How fast a million interactions are read, beside the parsers of pandas and Arrow.

    python -m experiments.speed.reading --interactions 1000000 --out docs/results

All of them read the same files, in turns. Medians of seconds of the clock and of processor time,
of all threads, and of the ratio to pandas' processor time in each round: on a machine that others
use too, only these compare.
`load` does more than a parser: ids are numbered and checked, numbers and times are judged, and the
report is made.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data.readers.loading import load
from advrec_tf.pipelines.ending import guarded
from experiments.harness import command
from experiments.speed.cell_page import CellPage

OPTIONS = {
    "interactions": (1_000_000, "Lines of the files."),
    "users": (60_000, "Users among them."),
    "items": (20_000, "Items among them."),
    "rounds": (5, "Rounds of which medians are taken."),
}
OURS = "ar.data.load"
PAGE = CellPage(
    "speed-reading",
    "Reading beside the parsers of pandas and Arrow",
    ("file", "reader", "seconds", "processor seconds", "times pandas"),
    "All read the same files, in turns. Medians over the rounds of seconds of the clock and of the "
    "processor, of all threads, and of the ratio to pandas in processor time, in which other work "
    "on the machine does not count. `load` does more than a parser: ids are numbered and checked, "
    "numbers and times are judged, and the report is made.",
)
_COLUMNS = {"rating_column": "rating", "time_column": "timestamp"}


def interactions(count: int, users: int, items: int) -> pd.DataFrame:
    """A table with ids, ratings and times; few items have most of the lines."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "user_id": rng.integers(0, users, count),
            "item_id": (rng.pareto(1.0, count) * items / 200).astype(np.int64) % items,
            "rating": rng.integers(1, 6, count),
            "timestamp": 1_600_000_000 + rng.integers(0, 10**7, count),
        }
    )


def readers(folder: Path) -> dict[str, dict[str, Callable]]:
    """File name -> reader name -> a function of no arguments that reads it."""
    from pyarrow import csv, parquet

    text, binary = folder / "events.csv", folder / "events.parquet"
    return {
        text.name: {
            OURS: lambda: load(text, **_COLUMNS),
            "pandas.read_csv": lambda: pd.read_csv(text),
            "pyarrow.csv": lambda: csv.read_csv(text),
        },
        binary.name: {
            OURS: lambda: load(binary, **_COLUMNS),
            "pandas.read_parquet": lambda: pd.read_parquet(binary),
            "pyarrow.parquet": lambda: parquet.read_table(binary),
        },
    }


def measured(of_file: dict[str, Callable], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Reader name -> seconds of the clock and of the processor in each round; the readers take
    turns, after one round untimed."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in of_file}
    for number in range(rounds + 1):
        for name, read in of_file.items():
            clock, processor = time.perf_counter(), time.process_time()
            read()
            if number:
                passed = time.perf_counter() - clock, time.process_time() - processor
                seconds[name].append(passed)
    return seconds


def lines(file: str, seconds: dict[str, list[tuple[float, float]]]) -> list[list[str]]:
    """Lines of the table: file, reader, median seconds, of the processor, and its ratio."""
    (pandas,) = (times for name, times in seconds.items() if name.startswith("pandas."))
    found = []
    for name, times in seconds.items():
        clock, processor = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(a / b for (_, a), (_, b) in zip(times, pandas, strict=True))
        found.append([file, name, f"{clock:.2f}", f"{processor:.2f}", f"{ratio:.2f}"])
    return found


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    command.add_options(parser, OPTIONS)
    command.add_report(parser, PAGE.markdown, out=command.HERE)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    events = interactions(args.interactions, args.users, args.items)
    with tempfile.TemporaryDirectory() as folder:
        events.to_csv(Path(folder, "events.csv"), index=False)
        events.to_parquet(Path(folder, "events.parquet"))
        found = []
        for file, of_file in readers(Path(folder)).items():
            found += lines(file, measured(of_file, args.rounds))
    PAGE.publish(args, OPTIONS, found)


if __name__ == "__main__":
    main(sys.argv[1:])
