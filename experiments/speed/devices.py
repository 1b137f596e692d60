r"""How fast each kind of model trains, ranks and serves on the accelerator of this machine.

    python -m experiments.speed.devices --name a100 --out docs/results
    python -m experiments.speed.devices --jobs "two-tower" "SASRec, full softmax" --steps 5

Invented data of one size on every machine. A job runs in a process of its own, in float32 and in
mixed precision where its models know it. Steps are compiled by XLA where the package compiles them.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.machine import machine
from experiments.harness import command
from experiments.harness.markdown import page, table
from experiments.speed.cells import in_own_process
from experiments.speed.device_jobs import JOBS, Sizes, measure

OPTIONS = {
    "items": (100_000, "Items of the catalogue."),
    "users": (20_000, "Users."),
    "interactions": (1_000_000, "Interactions of the pairs."),
    "batch_size": (8192, "Pairs or samples in a batch; of histories a sixteenth."),
    "steps": (50, "Steps of an epoch, of which four are timed."),
}
LEGEND = (
    "ms/step and examples/s: medians of four epochs after the first, which compiles and takes "
    "*first s*. An example is a pair, a history of 50 items, a sample, or a user for whom the "
    "catalogue is ranked or a list is served. TensorFlow reserves the memory of a GPU, so that "
    "*peak GPU MB* is what tensors held."
)


def accelerators(_: None) -> list[str]:
    """The names of the GPUs that TensorFlow sees."""
    import tensorflow as tf

    details = tf.config.experimental.get_device_details
    return [
        details(gpu).get("device_name", gpu.name) for gpu in tf.config.list_physical_devices("GPU")
    ]


def markdown(report: dict, path: Path) -> str:
    """The page, from the report alone."""
    gpus = report["accelerators"]
    lines = [
        [
            cell["job"],
            cell["precision"],
            *(
                f"{cell[name]:{form}}" if name in cell else ""
                for name, form in (
                    ("milliseconds_per_step", ".2f"),
                    ("examples_per_second", ",.0f"),
                    ("first_seconds", ".1f"),
                    ("gpu_megabytes", ",.0f"),
                )
            ),
            cell.get("error", ""),
        ]
        for cell in report["cells"]
    ]
    head = ("job", "precision", "ms/step", "examples/s", "first s", "peak GPU MB", "failed")
    sizes = report["sizes"]
    return page(
        f"Speed on {report['name']}",
        report["command"],
        ["", f"GPUs: {', '.join(gpus)}." if gpus else "There was no GPU."],
        ["", f"On {', '.join(f'{name} {value}' for name, value in report['machine'].items())}."],
        ["", ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in sizes.items())],
        table(head, lines),
        ["", LEGEND],
    )


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    jobs = {"jobs": ([*JOBS], "Only these jobs are run.")}
    command.add_options(parser, jobs)
    command.add_options(parser, OPTIONS)
    parser.add_argument("--name", default="this-machine", help="The machine's name on the page.")
    command.add_report(parser, markdown, out=command.HERE)
    args = parser.parse_args(argv)
    if unknown := [job for job in args.jobs if job not in JOBS]:
        parser.error(f"--jobs should be of {', '.join(JOBS)}. Received: {', '.join(unknown)}.")
    return args


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    sizes = {name: getattr(args, name) for name in OPTIONS}
    found = []
    for job in args.jobs:
        cell = Sizes(job=job, **sizes)
        try:
            own = in_own_process(measure, cell, job)
        except Exception as error:  # whatever one job cannot do, the others are measured
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            own = [{**dataclasses.asdict(cell), "precision": "", "error": said}]
        for one in own:
            rate = one.get("error") or f"{one['examples_per_second']:,.0f} examples/s"
            print(f"{job}, {one['precision']}: {rate}", flush=True)
        found += own
    report = {
        "name": args.name,
        "accelerators": in_own_process(accelerators, None, "the search for GPUs"),
        "machine": machine(),
        "sizes": sizes,
        "cells": found,
    }
    command.publish(args, report, markdown, f"speed-{args.name}")


if __name__ == "__main__":
    sys.exit(main())
