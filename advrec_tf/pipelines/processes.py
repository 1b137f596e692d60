"""Calls that depend on one another, each in a process of its own.

What is called and what its result means is left to the caller.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from typing import Any


def in_order(
    pending: dict[str, set[str]],
    call: Callable[[str], Callable[[], Any]],
    done: Callable[[str, Any], None],
    workers: int,
    finished: set[str] = frozenset(),
) -> dict[str, str]:
    """Make the call of each label once what it requires is finished.

    Args:
        pending: label -> labels it requires.
        call: label -> what to call, asked for when it can start; picklable.
        done: is given a label and what its call returned, in this process.
        workers: processes at once, which share the cores; 0 calls here, one after the other.
        finished: labels that are finished from the start.

    Returns:
        label -> what went wrong, of those that failed or lack what they require.
    """
    pending, failed, running, finished = dict(pending), {}, {}, set(finished)

    def ended(label: str, result: Callable[[], Any]) -> None:
        try:
            done(label, result())
            finished.add(label)
        except Exception as error:  # one row is lost, the others go on
            failed[label] = f"{type(error).__name__}: {error}"

    threads = max(1, (os.cpu_count() or 1) // max(workers, 1))
    context = multiprocessing.get_context("spawn")
    others = {child.pid for child in multiprocessing.active_children()}
    try:
        while pending or running:
            ready = [label for label, needs in pending.items() if needs <= finished]
            if not workers and ready:
                del pending[ready[0]]
                ended(ready[0], call(ready[0]))
                continue
            for label in ready[: workers - len(running)]:
                # A pool for each: a process that is killed breaks its own alone.
                pool = concurrent.futures.ProcessPoolExecutor(1, context)
                running[pool.submit(_alone, call(label), threads)] = label, pool
                del pending[label]
            if not running:
                break
            completed, _ = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in completed:
                label, pool = running.pop(future)
                ended(label, future.result)
                pool.shutdown()
    except BaseException:  # of Ctrl-C above all: the end would wait for what is running
        for child in multiprocessing.active_children():
            if child.pid not in others:
                child.terminate()
        raise
    for label, needs in pending.items():
        failed[label] = f"builds on {', '.join(sorted(needs - finished))}"
    return failed


def _alone(call: Callable[[], Any], threads: int) -> Any:
    """The call in a process of its own, with so many threads of TensorFlow's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends it
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return call()


def _end_with_the_parent() -> None:
    """End the process when its parent ends, since its result would be lost."""
    multiprocessing.parent_process().join()
    os._exit(1)
