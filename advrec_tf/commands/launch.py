"""`advrec launch`: several workers on this machine, for tests and laptops."""

from __future__ import annotations

import os
import sys
from typing import Annotated

from cyclopts import Parameter

from advrec_tf.commands.arguments import Count
from advrec_tf.commands.workers import MULTI_WORKER, PARAMETER_SERVER

OPTION = "--distribute"
TRAININGS = ("train", "gan", "table")
"""The commands that workers train together by."""


def launch(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    workers: Count = 2,
    parameter_servers: Count | None = None,
) -> None:
    """Train by several processes of this machine, as several machines would.

    `advrec launch --workers 2 -- train --data events.csv --out runs/mine`

    The command is train, gan or table. Each worker runs it with --distribute multi_worker and a
    TF_CONFIG of its own, on free ports of this machine, and computes its part of every batch. The
    first one is the chief, which alone writes. Lines are shown after the name of their worker. When
    one worker fails, all are ended, and the exit status is that of the first that failed. The same
    command with --resume goes on from the last checkpoint.

    With --parameter-servers they run with --distribute parameter_server, beside a chief and so many
    servers. The chief's end is the end of all. A worker that is killed is started again, and the
    training goes on meanwhile; when a server or the chief fails, all are ended.

    Args:
        command: The command of each worker, after two dashes.
        workers: The number of workers.
        parameter_servers: The number of servers that hold the tables in parts. By default there are
            none, and the workers train together.
    """
    from advrec_tf.pipelines.launching import run_together
    from advrec_tf.training import cluster

    trainings = TRAININGS if parameter_servers is None else TRAININGS[:1]
    if not set(command[:1]) & set(trainings):
        servers = "" if parameter_servers is None else " beside --parameter-servers"
        raise ValueError(
            f"`command` should be a training, {' or '.join(trainings)}{servers}, as in `advrec "
            "launch --workers 2 -- train --data events.csv --out runs/mine`. "
            f"Received: {' '.join(command) or 'none'}."
        )
    if any(word.partition("=")[0] == OPTION for word in command):
        raise ValueError(
            f"`{OPTION}` should be left out of the command: workers are launched with "
            f"{MULTI_WORKER}, or with {PARAMETER_SERVER} where --parameter-servers is given. "
            f"Received: {' '.join(command)}."
        )
    threads = max(1, (os.cpu_count() or 1) // workers)
    if parameter_servers is None:
        strategy, chief = MULTI_WORKER, None
        configs = {f"worker {i}": own for i, own in enumerate(cluster.local_clusters(workers))}
    else:
        strategy, chief = PARAMETER_SERVER, "chief 0"
        configs = cluster.local_cluster_with_servers(workers, parameter_servers)
    status = run_together(
        [sys.executable, "-m", "advrec_tf", *command, OPTION, strategy],
        {
            name: {
                cluster.VARIABLE: config,
                "PYTHONUNBUFFERED": "1",
                "TF_NUM_INTRAOP_THREADS": str(threads),
            }
            for name, config in configs.items()
        },
        chief=chief,
        again=[name for name in configs if name.startswith("worker")] if chief else (),
    )
    if status:
        raise SystemExit(status)
