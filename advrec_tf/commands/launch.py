"""`advrec launch`: several workers on this machine, for tests and laptops."""

from __future__ import annotations

import os
import sys
from typing import Annotated

from cyclopts import Parameter

from advrec_tf.commands.arguments import Count
from advrec_tf.commands.workers import MULTI_WORKER

OPTION = "--distribute"


def launch(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)], workers: Count = 2
) -> None:
    """Train by several processes of this machine, as several machines would.

    `advrec launch --workers 2 -- train --data events.csv --out runs/mine`

    Each worker runs the command with --distribute multi_worker and a TF_CONFIG of its own, on free
    ports of this machine, and computes its part of every batch. The first one is the chief, which
    alone writes. Lines are shown after the name of their worker. When one worker fails, all are
    ended, and the exit status is that of the first that failed. The same command with --resume goes
    on from the last checkpoint.

    Args:
        command: The command of each worker, after two dashes.
        workers: The number of workers.
    """
    from advrec_tf.pipelines.launching import run_together
    from advrec_tf.training.cluster import VARIABLE, local_clusters

    if command[:1] != ("train",):
        raise ValueError(
            "`command` should be a training, as in `advrec launch --workers 2 -- train --data "
            f"events.csv --out runs/mine`. Received: {' '.join(command) or 'none'}."
        )
    if any(word.partition("=")[0] == OPTION for word in command):
        raise ValueError(
            f"`{OPTION}` should be left out of the command: workers are launched with "
            f"{MULTI_WORKER}. Received: {' '.join(command)}."
        )
    threads = max(1, (os.cpu_count() or 1) // workers)
    configs = local_clusters(workers)
    status = run_together(
        [sys.executable, "-m", "advrec_tf", *command, OPTION, MULTI_WORKER],
        {
            f"worker {index}": {
                VARIABLE: config,
                "PYTHONUNBUFFERED": "1",
                "TF_NUM_INTRAOP_THREADS": str(threads),
            }
            for index, config in enumerate(configs)
        },
    )
    if status:
        raise SystemExit(status)
