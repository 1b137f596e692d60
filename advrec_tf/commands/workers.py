"""What each of several workers of one training does: the chief writes, the others help it.

Under multi_worker every worker runs the whole command, since all of them meet in each step of the
training. The others than the chief do it in a folder of their own, which goes with them. Under
parameter_server the chief alone runs it, and the others serve.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from advrec_tf.commands.arguments import Run
from advrec_tf.pipelines.ending import until_the_end
from advrec_tf.training.cluster import task_of_this_process

MIRRORED = "mirrored"
MULTI_WORKER = "multi_worker"
PARAMETER_SERVER = "parameter_server"


def strategy_of(distribute: str | None, replicas: int | None):
    """The strategy that --distribute and --replicas ask for, to be made before TensorFlow computes;
    None for one device.

    Raises:
        ValueError: if replicas are given without `mirrored`.
        ValueError, SystemExit: as `training.strategy_of`.
    """
    if replicas is not None and distribute != MIRRORED:
        raise ValueError(
            "`replicas` should be given beside --distribute mirrored. Received: "
            f"{replicas} beside {distribute or 'no --distribute'}."
        )
    if distribute is None:
        return None
    from advrec_tf.training import distribution

    return distribution.strategy_of(distribute, replicas=replicas)


def writes(arguments: Mapping) -> bool:
    """Whether a command with these arguments writes results: it does, but for workers that are not
    the chief.

    Raises:
        ValueError: if TF_CONFIG is asked and wrong.
    """
    distribute = arguments.get("distribute")
    if distribute not in (MULTI_WORKER, PARAMETER_SERVER):
        return True
    return task_of_this_process(servers=distribute == PARAMETER_SERVER).is_chief


def place_of(run: Run, export: str | None) -> tuple[Run, str | None]:
    """(the run, where it is exported to) of this worker: as given for the chief, and for others a
    folder that is removed at the end, with what they need to go on where the chief does.

    What others than the chief print of the result is dropped, since the chief prints it.
    """
    if task_of_this_process().is_chief:
        return run, export
    folder = until_the_end.enter_context(tempfile.TemporaryDirectory(prefix="advrec-worker-"))
    if run.resume:
        _copy_stages(run.out, Path(folder))
    until_the_end.enter_context(contextlib.redirect_stdout(io.StringIO()))
    return dataclasses.replace(run, out=Path(folder)), None


def _copy_stages(source: Path, target: Path) -> None:
    """What a run has finished, and its checkpoints. The chief adds to the stages that were trained
    only once all workers train, so that all go on from the same."""
    (target / "stages").mkdir()
    for path in [*source.glob("run.json"), *source.glob("stages/*.npz")]:
        shutil.copyfile(path, target / path.relative_to(source))
