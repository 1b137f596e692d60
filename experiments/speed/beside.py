"""Another library's command beside one cell of ours, in turns on one machine."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from experiments.speed.cells import Cell, measure_apart, split_of

_RATE_LINE = re.compile(r"^\s*positives/s:\s*([0-9.eE+]+)\s*$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """One method beside another library's command, in turns on one machine.

    Attributes:
        method: name of `METHODS`.
        items: size of the catalogue.
        unit: "positives/s", or "seconds" of the whole process where the command prints none.
        ours, theirs: [rounds] in that unit.
        times_as_fast: [rounds], how many times as fast ours is.
        median: of `times_as_fast`.
        settings: of the cell, with the sizes of its data.
    """

    method: str
    items: int
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    times_as_fast: tuple[float, ...]
    median: float
    settings: dict


def beside(
    cell: Cell,
    command: str,
    *,
    rounds: int,
    folder: str | os.PathLike,
    measure: Callable[[Cell], dict] = measure_apart,
) -> Comparison:
    """Measure ours, run the command, and so on for `rounds`; both see the machine's same moods.

    In the command `{pairs}` stands for a .npy file of the very training rows, [rows, 2] int32
    of (user, item), and `{items} {users} {rows} {dim} {batch_size} {epochs}` for the cell's
    numbers. If it prints a line "positives/s: X", this is compared with ours; if not, its
    wall time with that of our whole process, start and compilation included, in which case it
    should train as many epochs on {pairs}.

    Raises:
        ValueError: if `rounds` < 1, or the command fails, prints a rate in some rounds only, or
            neither prints a rate nor reads {pairs}.
        FileNotFoundError: if there is no such program.
    """
    if rounds < 1:
        raise ValueError(f"`rounds` should be >= 1. Received: {rounds!r}.")
    cell = dataclasses.replace(cell, evaluated_users=0)
    train = split_of(cell).train
    pairs = Path(folder) / "pairs.npy"
    np.save(pairs, np.stack([train.user_index, train.item_index], axis=1).astype(np.int32))
    numbers = {"items": train.num_items, "users": train.num_users, "rows": len(train)}
    numbers |= {name: getattr(cell, name) for name in ("dim", "batch_size", "epochs")}
    words = shlex.split(command)
    for name, value in {"pairs": pairs, **numbers}.items():
        words = [word.replace("{" + name + "}", str(value)) for word in words]
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(measure(cell))
        theirs.append(_run(words))
        if theirs[0][0] is None and "{pairs}" not in command:
            raise ValueError(
                "`beside` should train on the rows in {pairs}, or print a line 'positives/s: X'. "
                f"Received: {command}"
            )
    rates = [rate for rate, _ in theirs if rate is not None]
    if rates and len(rates) < rounds:
        raise ValueError(
            "`beside` should print a line 'positives/s: X' in every round or in none. "
            f"Received {len(rates)} in {rounds} rounds."
        )
    unit = "positives/s" if rates else "seconds"
    own = [row["positives_per_second" if rates else "process_seconds"] for row in ours]
    other = rates or [seconds for _, seconds in theirs]
    quicker = [a / b if rates else b / a for a, b in zip(own, other, strict=True)]
    return Comparison(
        method=cell.method,
        items=train.num_items,
        unit=unit,
        ours=tuple(own),
        theirs=tuple(other),
        times_as_fast=tuple(quicker),
        median=statistics.median(quicker),
        settings={**dataclasses.asdict(cell), **numbers},
    )


def _run(words: Sequence[str]) -> tuple[float | None, float]:
    """(positives/s where printed, wall seconds) of a command."""
    started = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise ValueError(
            f"`beside` should end with status 0. Received: {done.returncode} from "
            f"{shlex.join(words)}: {(done.stderr or done.stdout).strip()[-500:]}"
        )
    found = _RATE_LINE.findall(done.stdout)
    if found and not float(found[-1]) > 0:
        raise ValueError(f"`beside` should print positives/s > 0. Received: {found[-1]}.")
    return (float(found[-1]) if found else None), seconds
