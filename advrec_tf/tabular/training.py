"""Training a table generator: `fit` with an early stop on fidelity to held-out rows.

Training is cut into *rounds* of equally many steps; after each a sample is compared with
held-out rows. Collapse and divergence are detected here, said in the report, and where
nothing good came before them, raised.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence

import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.gan.base import GAN
from advrec_tf.gan.health import HealthCheck
from advrec_tf.ops.checks import as_number
from advrec_tf.tabular.batches import of_rows, of_table
from advrec_tf.tabular.counted import CountedTable
from advrec_tf.tabular.fidelity import Binning, fidelity, mode_coverage
from advrec_tf.tabular.generator import TableGenerator
from advrec_tf.training.callbacks import NonFiniteGuard
from advrec_tf.training.checkpoint import TrainingCheckpoint
from advrec_tf.training.distribution import require_same_epoch
from advrec_tf.training.early_stop import EarlyStop

LEAST_COVERAGE = 0.5
LARGEST_LOSS = 1e4
_SAMPLE = 4000


class GenerationFailure(ValueError):
    """A generator that collapsed or diverged before any round was worth keeping."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableFit:
    """How a fit went.

    Attributes:
        history: name -> value per round; losses of generator and discriminator, `val_` fidelity.
        rounds: rounds trained; `best_round` is the 1-based one whose weights are kept.
        steps_per_round: steps in a round.
        fidelity: of the kept round on the held-out rows.
        verdict: a sentence: that nothing went wrong, or what did and when.
        seconds: wall time of this call.
    """

    history: dict[str, list[float]]
    rounds: int
    best_round: int
    steps_per_round: int
    fidelity: dict[str, float]
    verdict: str
    seconds: float

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


class FidelityValidation(EarlyStop):
    """After each round: fidelity of a sample, early stop, collapse and divergence.

    Args:
        validation: held-out rows.
        train: training rows, which make the cells that rows are counted in.
        patience: rounds without a better `distance` before training stops, >= 1.
        keep_last: keep the last round's weights instead of the best one's.
    """

    def __init__(
        self,
        validation: pd.DataFrame,
        train: pd.DataFrame,
        *,
        patience: int,
        keep_last: bool = False,
    ):
        super().__init__(patience=patience)
        self.held_out, self.keep_last = validation, keep_last
        self._train = train
        self._binning: Binning | None = None

    def set_model(self, model):
        super().set_model(model)
        if self._binning is None:
            self._binning = Binning.of(self._train, model.transform.schema)

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        found = self.measure(seed=epoch + 1)
        logs.update({f"val_{name}": value for name, value in found.items()})
        trouble = _trouble(found, logs)
        if trouble:
            self.warnings.append(f"{trouble} in round {epoch + 1}")
        else:
            self.note(-found["distance"], epoch + 1, always=self.keep_last)
        if (trouble or "").startswith("diverged") or self.exhausted(epoch + 1):
            self.model.stop_training = True

    def measure(self, seed: int = 0) -> dict[str, float]:
        """Fidelity and coverage of a sample of the present weights."""
        sample = self.model.generate(min(_SAMPLE, 4 * len(self._train)), seed=seed)
        found = fidelity(self.held_out, sample, self._binning)
        found["coverage"] = mode_coverage(self._train, sample, self._binning)
        return found

    def exhausted(self, rounds: int) -> bool:
        """Whether patience has run out after so many rounds."""
        return not self.keep_last and super().exhausted(rounds)


def _trouble(found: dict[str, float], logs: dict) -> str | None:
    for name in ("d_loss", "g_loss"):
        if name in logs and abs(float(logs[name])) > LARGEST_LOSS:
            return f"diverged: {name} reached {float(logs[name]):.3g}"
    if found["coverage"] < LEAST_COVERAGE:
        return (
            f"collapsed: the sample has {found['coverage']:.0%} of the values and bins that "
            "the training rows have"
        )
    return None


def fit_table_generator(
    model: TableGenerator,
    train: pd.DataFrame | CountedTable,
    validation: pd.DataFrame,
    *,
    steps: int = 6000,
    steps_per_round: int = 200,
    batch_size: int = 500,
    patience: int = 10,
    seed: int = 0,
    refuse_copies: bool = True,
    keep_last: bool = False,
    checkpoint: str | os.PathLike | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    label: str | None = None,
    write: Callable[[str], None] = print,
) -> TableFit:
    """Train a compiled GAN or variational generator of table rows.

    Args:
        model: a `TableGenerator` that is a Keras model; its transform is fitted.
        train: a frame with the columns of the transform, or a counted table, whose rows are read
            from its shards in each epoch; fidelity is then measured beside its sample.
        validation: a frame; `CountedTable.validation` is one.
        steps: at most so many, in rounds of `steps_per_round`.
        batch_size: rows a step, of all replicas together; rounded down to whole packs of each.
        patience, keep_last: see `FidelityValidation`.
        refuse_copies: see `TableGenerator.refuse_copies_of`, of `train` and `validation`.
        checkpoint: file to write after rounds and to continue from if it exists.
        label: name shown in progress lines; None shows none.

    Raises:
        GenerationFailure: if no round is worth keeping: all collapsed, or training diverged
            before the first was over.
        ValueError: if `steps` < 1, a value of `validation` does not fit the transform, or the
            workers of a strategy found checkpoints of different rounds.
    """
    if not (as_number(steps) >= 1 and as_number(steps_per_round) >= 1):
        raise ValueError(
            "`steps` and `steps_per_round` should be >= 1. "
            f"Received: {steps!r} and {steps_per_round!r}."
        )
    started = time.perf_counter()
    rounds = -(-steps // steps_per_round)
    counted = isinstance(train, CountedTable)
    guard = FidelityValidation(
        validation, train.sample if counted else train, patience=patience, keep_last=keep_last
    )
    guard.set_model(model)
    # Each replica of a strategy has whole packs of rows, as many as the others.
    replicas = model.distribute_strategy.num_replicas_in_sync
    whole = getattr(model, "pack", 1) * replicas
    how = {"batch_size": batch_size, "seed": model.order_seed(seed), "multiple_of": whole}
    if counted:
        settings = {"steps_per_epoch": steps_per_round, "once": model.private}
        batches = of_table(train, model.transform, **settings, **how)
        rest = batches.dataset  # an epoch is a round
    else:
        batches = of_rows(model.transform.encode(train, seed=seed), **how)

        def rest(rounds: int) -> tf.data.Dataset:
            return batches.dataset(0).skip(rounds * steps_per_round)

    saver, done = None, 0
    if checkpoint is not None:
        saver = TrainingCheckpoint(checkpoint, validation=guard)
        done = saver.restore(model)
        require_same_epoch(model.distribute_strategy, done)
        if done and label is not None:
            write(f"  {label:<20} continues after round {done}")
    history = dict(saver.history) if saver else {}
    if done < rounds and not (done and guard.exhausted(done)):
        recorder = keras.callbacks.History()
        chain = [NonFiniteGuard(), guard]
        if isinstance(model, GAN):  # before the checkpoint, which keeps what it finds
            chain.append(HealthCheck(lambda line: None, earlier=history))  # said below
        chain += [*([saver] if saver else []), *callbacks]
        if label is not None:
            chain.append(_RoundLine(label, rounds, write))
        try:
            model.fit(
                batches.dataset(done)
                if counted
                else batches.dataset(0).skip(done * steps_per_round),
                steps_per_epoch=steps_per_round,
                initial_epoch=done,
                epochs=rounds,
                callbacks=[*chain, recorder],
                verbose=0,
            )
        except FloatingPointError as error:
            guard.warnings.append(f"diverged: {error}")
        done += len(recorder.epoch)
        new = {name: [float(v) for v in values] for name, values in recorder.history.items()}
        history = saver.history if saver else new
    if guard.best_weights is None:
        raise GenerationFailure(
            f"{model.name} wrote nothing worth keeping: {'; '.join(guard.warnings[-3:])}. Lower "
            "the learning rates, raise `pack` or `critic_steps`, or choose another loss."
        )
    guard.restore_best()
    if refuse_copies:
        model.refuse_copies_of(train.frames() if counted else train, validation)
    health = getattr(model, "health", None)
    verdict = "no collapse, no divergence"
    if health is not None and not health.healthy:
        verdict = str(health)
    if guard.warnings:
        verdict = f"{guard.warnings[-1]}; the weights of round {guard.best_epoch} are kept"
    return TableFit(
        history=history,
        rounds=done,
        best_round=guard.best_epoch,
        steps_per_round=steps_per_round,
        fidelity=guard.measure(),
        verdict=verdict,
        seconds=time.perf_counter() - started,
    )


class _RoundLine(keras.callbacks.Callback):
    def __init__(self, label: str, rounds: int, write: Callable[[str], None]):
        super().__init__()
        self._label, self._rounds, self._write = label, rounds, write

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        names = [n for n in logs or {} if n.endswith("loss") and n != "reconstruction_loss"]
        names += ["val_distance", "val_worst_column", "val_coverage"]
        shown = "  ".join(f"{n.removeprefix('val_')} {float(logs[n]):.4f}" for n in names)
        seconds = time.perf_counter() - self._started
        self._write(
            f"  {self._label:<20} round {epoch + 1:>3}/{self._rounds}  {shown}  {seconds:.1f} s"
        )
