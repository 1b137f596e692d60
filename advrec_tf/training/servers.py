"""A cluster with parameter servers: the strategy of its chief, and how its other tasks serve.

The chief runs the program. Workers and parameter servers run TensorFlow's server, which takes steps
and variables from the chief, and end when it does.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import NoReturn

import tensorflow as tf

from advrec_tf.training.cluster import Task

LEAST_PART_BYTES = 2**18
"""A table is cut into parts of at least so many bytes, one for each parameter server at most."""

_EVERY = 1.0
_TRIES = 5
"""The chief has ended when it does not answer so many times, every so many seconds."""


def strategy_of_chief(task: Task) -> tf.distribute.ParameterServerStrategy:
    """The strategy of the chief, which waits for all workers and servers; tables are cut by rows.

    Raises:
        ValueError: if a worker has several GPUs.
    """
    servers = len(task.addresses["ps"])
    strategy = tf.distribute.ParameterServerStrategy(
        tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({kind: list(own) for kind, own in task.addresses.items()}),
            task_type=task.kind,
            task_id=task.index,
            rpc_layer="grpc",
        ),
        variable_partitioner=tf.distribute.experimental.partitioners.MinSizePartitioner(
            min_shard_bytes=LEAST_PART_BYTES, max_shards=servers
        ),
    )
    if strategy.num_replicas_in_sync > 1:
        raise ValueError(
            "Each worker should have at most one GPU (CUDA_VISIBLE_DEVICES) under parameter_server."
            f" Received: {strategy.num_replicas_in_sync} of each worker."
        )
    return strategy


def serve(task: Task, say: Callable[[str], None] = print) -> NoReturn:
    """Run a worker or a parameter server until the chief has ended; then the process ends.

    Raises:
        SystemExit: with the status 0, at the end.
    """
    # A step waits on a thread of each process that it reads from. With fewer threads than waiting
    # steps, as on a single core, all wait for ever.
    others = sum(map(len, task.addresses.values()))
    server = tf.distribute.Server(
        tf.train.ClusterSpec({kind: list(own) for kind, own in task.addresses.items()}),
        job_name=task.kind,
        task_index=task.index,
        protocol="grpc",
        config=tf.compat.v1.ConfigProto(
            inter_op_parallelism_threads=max(os.cpu_count() or 1, others + 1)
        ),
    )
    say(f"{task.name} serves at {task.address} until the chief has ended.")
    _wait_for_end_of(task.addresses["chief"][0])
    say(f"The chief has ended, and so does {task.name}.")
    del server
    raise SystemExit(0)


def _wait_for_end_of(address: str) -> None:
    """Wait until something has answered at an address, and then no more."""
    while not _answers(address):
        time.sleep(_EVERY)
    silent = 0
    while silent < _TRIES:
        time.sleep(_EVERY)
        silent = 0 if _answers(address) else silent + 1


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=_EVERY):
        return True
    return False
