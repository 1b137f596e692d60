"""The job behind `advrec table`: a table in, generated rows and their quality out.

Rows are split into training, validation (which stops training) and held-out rows (which only the
report sees). Of a table in shards samples of each are held, and all rows train. The GAN stands
beside the variational generator, a bootstrap, independent marginals and noise, all through the same
measures. Every part is a stage, so a killed run goes on with `--resume`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.ops.files import atomic_bytes
from advrec_tf.pipelines.progress import LOG
from advrec_tf.pipelines.stages import StageResult, StageStore
from advrec_tf.pipelines.tabular.settings import TableSettings
from advrec_tf.tabular.controls import CONTROLS
from advrec_tf.tabular.counted import CountedTable
from advrec_tf.tabular.files import Table
from advrec_tf.tabular.gan import TableGAN, build_table_gan
from advrec_tf.tabular.generator import TableGenerator
from advrec_tf.tabular.network_generator import NetworkGenerator
from advrec_tf.tabular.private_gan import build_private_gan, privacy_budget
from advrec_tf.tabular.quality import quality, reached
from advrec_tf.tabular.schema import TableSchema
from advrec_tf.tabular.training import fit_table_generator
from advrec_tf.tabular.transform import TableTransform
from advrec_tf.tabular.vae import build_table_vae
from advrec_tf.training.distribution import described

GENERATORS = ("gan", "vae", *CONTROLS)
_REPORT_ROWS = (2_000, 20_000)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Parts:
    """A table's rows by their use.

    Attributes:
        train: the training rows, or a sample of those in shards.
        validation, holdout: the rows that stop training, and those that the report alone sees.
        counted: the table whose rows stay in shards; None where `train` holds them.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    holdout: pd.DataFrame
    counted: CountedTable | None = None

    @property
    def known(self) -> pd.DataFrame:
        """What a generator has seen in any way, as far as it is held: training and validation
        rows."""
        return pd.concat([self.train, self.validation], ignore_index=True)

    @property
    def training(self) -> pd.DataFrame | CountedTable:
        """What generators are trained on."""
        return self.train if self.counted is None else self.counted

    def transform(self, schema: TableSchema, settings: TableSettings) -> TableTransform:
        """Fitted on what is known."""
        how = {"max_modes": settings.max_modes, "seed": settings.seed}
        if self.counted is not None:
            return self.counted.fit_transform(**how)
        return TableTransform.fit(self.known, schema, **how)

    def refuse_copies(self, model: TableGenerator) -> None:
        """`TableGenerator.refuse_copies_of` all that is known."""
        rows = self.train if self.counted is None else self.counted.frames()
        model.refuse_copies_of(rows, self.validation)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """The trained GAN, and per generator its quality and, where it was trained, its fit."""

    model: TableGAN
    parts: Parts
    schema: TableSchema
    qualities: dict[str, dict]
    fits: dict[str, dict]


def parts_of(table: Table | CountedTable, settings: TableSettings) -> Parts:
    """The parts of a table; those of shards were drawn when they were counted."""
    if isinstance(table, Table):
        return split_rows(table.frame, settings)
    held = (table.sample, table.validation, table.holdout)
    train, validation, holdout = (rows.reset_index(drop=True) for rows in held)
    return Parts(train=train, validation=validation, holdout=holdout, counted=table)


def split_rows(frame: pd.DataFrame, settings: TableSettings) -> Parts:
    """At random: `holdout_fraction` of the rows, then `validation_fraction` of the others."""
    order = np.random.default_rng(settings.seed).permutation(len(frame))
    held = max(1, round(settings.holdout_fraction * len(frame)))
    checked = max(1, round(settings.validation_fraction * (len(frame) - held)))
    parts = np.split(order, [held, held + checked])
    holdout, validation, train = (frame.iloc[p].reset_index(drop=True) for p in parts)
    return Parts(train=train, validation=validation, holdout=holdout)


def run(
    table: Table | CountedTable,
    settings: TableSettings,
    store: StageStore,
    *,
    generators: tuple[str, ...] = GENERATORS,
    deliver: Callable[[TableGAN], None] | None = None,
    write: Callable[[str], None] = LOG.info,
    strategy: tf.distribute.Strategy | None = None,
) -> Outcome:
    """Train, generate and measure.

    Args:
        table: what is learned.
        settings: of everything.
        store: of the stages.
        generators: which of `GENERATORS`.
        deliver: called with the trained GAN before anything is measured: what the run is for is
            written first, and no report can end it.
        write: takes lines of progress.
        strategy: under which the generators are trained; each of several workers calls it then.

    Raises:
        GenerationFailure: if the GAN wrote nothing worth keeping.
        ImportError: if scikit-learn is not installed.
    """
    if strategy is not None:
        write(described(strategy))
    schema, parts = table.schema, parts_of(table, settings)
    transform = parts.transform(schema, settings)
    least, most = _REPORT_ROWS
    count = int(np.clip(len(parts.known), least, most))
    qualities, fits, models = {}, {}, {}
    for name in generators:
        models[name], fit = generator(
            name, transform, parts, settings, store, write, strategy=strategy
        )
        if fit is not None:
            fits[name] = fit
    if deliver is not None:
        deliver(models["gan"])
    for name, model in models.items():

        def measure(checkpoint, model=model):
            rows = model.generate(count, seed=settings.seed + 1)
            found = quality(parts.known, rows, schema, holdout=parts.holdout, seed=settings.seed)
            return StageResult(found, {})

        qualities[name] = store.run(f"quality-{name}", measure).summary
        auc = qualities[name]["two_sample_auc"]
        write(f"{name:<12} two-sample AUC {auc:.3f}")
    return Outcome(model=models["gan"], parts=parts, schema=schema, qualities=qualities, fits=fits)


def generator(
    name: str,
    transform: TableTransform,
    parts: Parts,
    settings: TableSettings,
    store: StageStore,
    write: Callable[[str], None] = LOG.info,
    *,
    strategy: tf.distribute.Strategy | None = None,
) -> tuple[TableGenerator, dict | None]:
    """One of `GENERATORS`, trained where it is trained, and how its fit went."""
    if name in CONTROLS:
        return CONTROLS[name](transform, parts.known, seed=settings.seed), None
    with (strategy or tf.distribute.get_strategy()).scope():
        model = untrained(name, transform, settings)

    def train(checkpoint: Path) -> StageResult:
        keras.utils.set_random_seed(settings.seed)
        board = keras.callbacks.TensorBoard(
            store.folder / "tensorboard" / name, write_graph=False, profile_batch=0
        )
        fit = fit_table_generator(
            model,
            parts.training,
            parts.validation,
            steps=settings.steps,
            steps_per_round=settings.steps_per_round,
            batch_size=settings.batch_size,
            patience=settings.patience,
            seed=settings.seed,
            keep_last=name == "gan" and settings.private,
            checkpoint=checkpoint,
            callbacks=[board],
            label=name,
            write=LOG.debug,
        )
        weights = {f"w{i}": value for i, value in enumerate(model.get_weights())}
        return StageResult(fit.as_dict(), weights)

    result = store.run(name, train)
    model.set_weights([result.arrays[f"w{i}"] for i in range(len(result.arrays))])
    if not settings.refuse_copies or (name == "gan" and settings.private):
        model.refused = None
    elif model.refused is None:  # training itself refuses them
        parts.refuse_copies(model)
    write(f"{name:<12} {result.summary['verdict']} (round {result.summary['best_round']})")
    return model, result.summary


def untrained(name: str, transform: TableTransform, settings: TableSettings) -> NetworkGenerator:
    """The GAN or its variational ablation, compiled."""
    conditional = settings.conditional
    if name == "gan" and settings.private:
        model = build_private_gan(
            transform,
            loss=AdversarialLoss(settings.loss, critic_steps=settings.critic_steps),
            clip=settings.clip,
            noise_multiplier=settings.noise_multiplier,
            noise_seed=settings.noise_seed,
            noise_dim=settings.noise_dim,
            seed=settings.seed,
        )
        return _compiled(model, settings)
    if name == "vae":
        model = build_table_vae(
            transform, conditional=conditional, noise_dim=settings.noise_dim, seed=settings.seed
        )
        model.compile(
            optimizer=keras.optimizers.Adam(settings.vae_learning_rate), steps_per_execution=20
        )
        return model
    model = build_table_gan(
        transform,
        conditional=conditional,
        loss=AdversarialLoss(
            settings.loss,
            weight=settings.adversarial_weight,
            critic_steps=settings.critic_steps,
        ),
        pack=settings.pack,
        noise_dim=settings.noise_dim,
        reconstruction_weight=settings.reconstruction_weight,
        variational=settings.reconstruction_weight > 0,
        seed=settings.seed,
    )
    return _compiled(model, settings)


def _compiled(model: TableGAN, settings: TableSettings) -> TableGAN:
    model.compile(
        d_optimizer=keras.optimizers.Adam(settings.d_learning_rate, 0.5, 0.9),
        g_optimizer=keras.optimizers.Adam(settings.g_learning_rate, 0.5, 0.9),
        steps_per_execution=20,
    )
    return model


def spent(outcome: Outcome, settings: TableSettings) -> str:
    """A sentence on the privacy of the GAN's rows, as trained."""
    fit = outcome.fits["gan"]
    rows = len(outcome.parts.training)
    found = privacy_budget(
        noise_multiplier=settings.noise_multiplier,
        batch_size=min(settings.batch_size, rows),
        num_entries=rows,
        updates=fit["rounds"] * fit["steps_per_round"] * settings.critic_steps,
        updates_per_batch=settings.critic_steps,
        delta=settings.delta,
    )
    noise = "The noise was drawn from entropy that is kept nowhere"
    if settings.noise_seed is not None:
        noise = (
            "The noise follows --noise-seed, which the folder of the run holds: whoever knows it "
            "can take the noise off, and has no guarantee against them"
        )
    return (
        f"differential privacy of the training rows: epsilon {found:.3g} at delta "
        f"{settings.delta:g}. It covers the discriminator and what is learned through it, not "
        f"the fitted transform (values of categories, ranges, modes) nor this report. {noise}"
    )


def write_report(outcome: Outcome, run_dir: Path, *, notes: list[str], identity: dict) -> Path:
    """quality.json, quality.html, the plots and their TensorBoard images; the page's path."""
    from advrec_tf.tabular import quality_page, quality_plots

    gan = outcome.qualities["gan"]
    synthetic = outcome.model.generate(gan["rows"]["synthetic"], seed=1)
    plots, missing_plots = quality_plots.all_plots(
        outcome.parts.known, synthetic, outcome.schema, outcome.fits["gan"]["history"]
    )
    quality_plots.write_plots(plots, run_dir)
    notes = [*notes, *missing_plots]
    record = {
        "run": identity,
        "columns": outcome.schema.as_dict()["columns"],
        "notes": notes,
        "generators": outcome.qualities,
        "fits": outcome.fits,
    }
    text = json.dumps(record, indent=2) + "\n"
    atomic_bytes(run_dir / "quality.json", text, overwrite=True)
    page = quality_page.page(
        "Quality of generated rows", gan, plots, notes=notes, others=outcome.qualities
    )
    path = run_dir / "quality.html"
    atomic_bytes(path, page, overwrite=True)
    return path


def blunt_measures(qualities: dict[str, dict]) -> list[str]:
    """A sentence where independent columns reach the two-sample aim: there it decides nothing."""
    control = qualities.get("marginals")
    if control is None or not reached("two_sample_auc", control):
        return []
    return [
        f"columns drawn independently reach the two-sample aim too ({control['two_sample_auc']:.3f}"
        "): on this table it does not show whether dependences were learned; read the label's row"
    ]
