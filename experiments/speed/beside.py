"""Another program's command beside a measurement of ours, in turns on one machine."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from experiments.speed.cells import Cell, measure_apart, split_of

_RATE_LINE = re.compile(r"^\s*positives/s:\s*([0-9.eE+]+)\s*$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """One method beside another library's command, in turns on one machine.

    Attributes:
        method: name in `METHODS`.
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


def run_command(command: str, values: Mapping[str, object]) -> tuple[str, float]:
    """(what the command printed, its wall seconds), with `{name}` replaced by the values.

    Raises:
        ValueError: if it ends with another status than 0.
        FileNotFoundError: if there is no such program.
    """
    words = shlex.split(command)
    for name, value in values.items():
        words = [word.replace("{" + name + "}", str(value)) for word in words]
    started = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise ValueError(
            f"`beside` should end with status 0. Received: {done.returncode} from "
            f"{shlex.join(words)}: {(done.stderr or done.stdout).strip()[-500:]}"
        )
    return done.stdout, seconds


def beside(
    cell: Cell,
    command: str,
    *,
    rounds: int,
    folder: str | os.PathLike,
    measure: Callable[[Cell], dict] = measure_apart,
) -> Comparison:
    """Measure ours, run the command, and so on for `rounds`: both meet the same machine.

    In the command `{pairs}` stands for a .npy file of the very training interactions,
    [interactions, 2] int32 of (user, item), and `{items} {users} {interactions} {dim}
    {batch_size} {epochs}` for the cell's numbers. If it prints a line "positives/s: X", this is
    compared with ours; if not, its wall time with that of our whole process, start and
    compilation included, in which case it should train as many epochs on {pairs}.

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
    numbers = {"items": train.num_items, "users": train.num_users, "interactions": len(train)}
    numbers |= {name: getattr(cell, name) for name in ("dim", "batch_size", "epochs")}
    ours, seconds, rates = [], [], []
    for _ in range(rounds):
        ours.append(measure(cell))
        printed, wall = run_command(command, {"pairs": pairs, **numbers})
        seconds.append(wall)
        rates += _rate(printed)
        if not rates and "{pairs}" not in command:
            raise ValueError(
                "`beside` should train on the interactions in {pairs}, or print a line "
                f"'positives/s: X'. Received: {command}"
            )
    if rates and len(rates) < rounds:
        raise ValueError(
            "`beside` should print a line 'positives/s: X' in every round or in none. "
            f"Received {len(rates)} in {rounds} rounds."
        )
    own = [found["positives_per_second" if rates else "process_seconds"] for found in ours]
    other = rates or seconds
    times = [a / b if rates else b / a for a, b in zip(own, other, strict=True)]
    return Comparison(
        method=cell.method,
        items=train.num_items,
        unit="positives/s" if rates else "seconds",
        ours=tuple(own),
        theirs=tuple(other),
        times_as_fast=tuple(times),
        median=statistics.median(times),
        settings={**dataclasses.asdict(cell), **numbers},
    )


def _rate(printed: str) -> list[float]:
    """The last rate that a command printed, or none."""
    found = _RATE_LINE.findall(printed)[-1:]
    if found and not float(found[0]) > 0:
        raise ValueError(f"`beside` should print positives/s > 0. Received: {found[0]}.")
    return [float(rate) for rate in found]
