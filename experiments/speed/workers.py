r"""What two local workers of one core each bring beside one of one core, for a two-tower model.

    python -m experiments.speed.workers --out docs/results

Generated interactions, batches of the same examples: one process on a core, with and without XLA,
then two processes on a core each, which exchange candidates and gradients over the loopback device.
Examples a second of all workers together, medians over the epochs; the ratio is to the faster one
of the single processes. Beside them the processor time of a step (of one of the two processes), and
the bytes that went over the loopback device, so nothing else should use it. The weights after the
first epoch are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.machine import machine
from advrec_tf.training.cluster import VARIABLE, local_clusters
from experiments.harness import command
from experiments.harness.markdown import facts, page, table

OPTIONS = {
    "users": (100_000, "Users."),
    "interactions": (2_000_000, "Interactions."),
    "dim": (64, "The width of the vectors."),
    "steps": (20, "Steps of an epoch."),
    "epochs": (3, "Epochs that are timed, after one that compiles."),
    "name": ("speed-workers", "The name of the files."),
}
WAYS = {"one": False, "one, XLA": True, "two": False}
"""Name -> whether the step is compiled by XLA."""
HEAD = (
    "items",
    "batch",
    *(f"examples/s, {name}" for name in WAYS),
    "ratio",
    *(f"processor ms a step, {name}" for name in WAYS),
    "KB a step, two",
    "weights apart",
)


def ran(workers: int, settings: dict, cores: Sequence[int]) -> dict:
    """What the first of so many processes says.

    Raises:
        ValueError: if one of them fails, with what it said.
    """
    configs = local_clusters(workers) if workers > 1 else [None]
    processes = []
    for place, config in enumerate(configs):
        environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
        if config is not None:
            environment[VARIABLE] = config
        own = settings | {
            "core": cores[place],
            "weights": settings["weights"] if not place else None,
        }
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "experiments.speed.worker", json.dumps(own)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        answers = [process.communicate() for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, said) in zip(processes, answers, strict=True):
        if process.returncode:
            raise ValueError(f"A worker should end well. It said: {said.strip()[-1000:]}")
    return json.loads(answers[0][0].splitlines()[-1])


def row(items: int, batch_size: int, args: argparse.Namespace) -> dict:
    """The measurements of a catalogue and a batch size."""
    names = ("users", "interactions", "dim", "steps", "epochs")
    settings = {"items": items, "batch_size": batch_size, **{n: getattr(args, n) for n in names}}
    found: dict = {"items": items, "batch_size": batch_size}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, jit_compile in WAYS.items():
            files[name] = Path(folder) / f"{name}.npz"
            own = {"jit_compile": jit_compile, "weights": str(files[name])}
            found[name] = ran(2 if name == "two" else 1, settings | own, args.cores)
        one, two = (np.load(files[name]) for name in ("one", "two"))
        found["apart"] = max(float(np.abs(one[key] - two[key]).max()) for key in one.files)
    return found


def cells_of(found: dict) -> list[str]:
    """A line of the table."""
    speeds = {name: found[name]["examples_per_second"] for name in WAYS}
    exchanged = found["two"]["exchanged_bytes"]
    return [
        f"{found['items']:,}",
        f"{found['batch_size']:,}",
        *(f"{speed:,.0f}" for speed in speeds.values()),
        f"{speeds['two'] / max(speeds['one'], speeds['one, XLA']):.2f}",
        *(f"{1e3 * found[name]['processor_seconds']:.1f}" for name in WAYS),
        "" if exchanged is None else f"{exchanged / 1e3:,.0f}",
        f"{found['apart']:.1e}",
    ]


def markdown(report: dict, file: Path) -> str:
    """The page."""
    lines = table(HEAD, [cells_of(found) for found in report["rows"]])
    return page("Two workers beside one", report["command"], facts(report["about"]), lines)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    command.add_options(parser, OPTIONS)
    for name, default, text in (
        ("--items", [10_000, 100_000], "Sizes of the catalogues."),
        ("--batch-sizes", [1_024, 4_096, 8_192], "Examples in a step of all workers together."),
    ):
        shown = " ".join(map(str, default))
        parser.add_argument(
            name,
            nargs="+",
            type=command.positive,
            default=default,
            help=f"{text} Default: {shown}.",
        )
    available = sorted(os.sched_getaffinity(0))
    parser.add_argument(
        "--cores",
        nargs=2,
        type=int,
        default=[available[0], available[-1]],
        metavar=("FIRST", "SECOND"),
        help="The cores of the workers; one process alone has the first.",
    )
    command.add_report(parser, markdown, out=command.HERE)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    rows = []
    for items in args.items:
        for batch_size in args.batch_sizes:
            rows.append(row(items, batch_size, args))
            print("  " + ", ".join(cells_of(rows[-1])), flush=True)
    about = {name: getattr(args, name) for name in OPTIONS if name != "name"}
    command.publish(args, {"about": about | machine(), "rows": rows}, markdown, args.name)


if __name__ == "__main__":
    main(sys.argv[1:])
