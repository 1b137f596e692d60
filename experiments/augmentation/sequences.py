"""Generated sequences: how like real ones they are, and what the generators say comes next.

A fifth of the users is held out of training; what is generated is compared with their sequences.
Likelihood first, then from its weights, for as many epochs, the ablation (more likelihood) and the
game by both estimators. Each is a stage.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches, splits
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import Sequences, sequences_of
from advrec_tf.evaluation import sequence_fidelity
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.gan.sequences import SequenceGAN, build_sequence_gan
from advrec_tf.models.baselines import Popularity
from advrec_tf.models.item_similarity import singular_item_vectors
from advrec_tf.models.sequential.baselines import MarkovChain
from advrec_tf.pipelines.stages import StageResult, StageStore, slug
from experiments.augmentation.evaluation import MONITOR
from experiments.augmentation.runner import deviation
from experiments.augmentation.settings import AugmentationSettings

HELD_OUT = 0.2
GAMES = {
    "ablation: likelihood alone": (False, "gumbel_softmax"),
    "GAN, Gumbel-softmax": (True, "gumbel_softmax"),
    "GAN, policy gradient": (True, "policy_gradient"),
}
_BATCH = 128


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Ground:
    """What one seed trains and measures on."""

    seed: int
    train: Interactions
    fitted: Sequences
    held_out: Sequences
    item_vectors: np.ndarray
    validation: RankingEvaluator
    test: RankingEvaluator


def make_ground(data: Interactions, length: int, seed: int) -> Ground:
    """Raises:
    ValueError: if the data has no times, or too few sequences.
    """
    if data.timestamp is None:
        raise ValueError("The part `sequences` should have data with times. Received none.")
    split = splits.last_item(data)
    everything = sequences_of(split.train, length=length)
    rng = np.random.default_rng(seed)
    users = rng.permutation(data.num_users)[: max(1, round(HELD_OUT * data.num_users))]
    held = np.isin(everything.user_index, users)
    return Ground(
        seed=seed,
        train=split.train,
        fitted=everything.select(~held),
        held_out=everything.select(held),
        # Of the fitted users alone: the held-out ones are strangers to every measure.
        item_vectors=singular_item_vectors(
            split.train.select(~np.isin(split.train.user_index, users))
        ),
        validation=RankingEvaluator(split.train, split.validation),
        test=RankingEvaluator(split.train, split.test, also_seen=split.validation),
    )


def _slug(label: str, seed: int) -> str:
    return f"sequences-{slug(label)}-{seed}"


def finished_seeds(settings: AugmentationSettings, store: StageStore) -> int:
    """How many seeds, from the first on, have the last stage in the store."""
    last = list(GAMES)[-1]
    for count in range(settings.sequence_seeds):
        if not store.has(_slug(last, settings.seed + count)):
            return count
    return settings.sequence_seeds


def run_sequences(
    data: Interactions,
    settings: AugmentationSettings,
    store: StageStore,
    *,
    write: Callable[[str], None] = print,
) -> dict:
    """The report of the part, as JSON values."""
    found: dict[str, list[StageResult]] = {}
    for seed in range(settings.seed, settings.seed + settings.sequence_seeds):
        ground = None

        def stage(label, compute, seed=seed):
            nonlocal ground

            def run(_):
                nonlocal ground
                if ground is None:
                    ground = make_ground(data, settings.length, seed)
                started = time.perf_counter()
                result = compute(ground)
                result.summary["seconds"] = time.perf_counter() - started
                write(f"sequences {seed} {label:<28} {_line(result.summary)}")
                return result

            result = store.run(_slug(label, seed), run)
            found.setdefault(label, []).append(result)
            return result

        real = stage("real, of other users", _real)
        stage("popularity", _popularity)
        stage("Markov chain", _markov)
        pretrained = stage(
            "likelihood, before the game",
            lambda ground: _trained(ground, settings, None, game=False, estimator="gumbel_softmax"),
        )
        weights = [
            pretrained.arrays[f"weight_{i}"]
            for i in range(sum(name.startswith("weight_") for name in pretrained.arrays))
        ]
        for label, (game, estimator) in GAMES.items():
            stage(
                label,
                lambda ground, game=game, estimator=estimator, weights=weights: _trained(
                    ground, settings, weights, game=game, estimator=estimator
                ),
            )
        for results in found.values():
            _say_collapse(results[-1], real)
    return {
        "part": "sequences",
        "seeds": settings.sequence_seeds,
        "length": settings.length,
        "rows": {label: _summary(results) for label, results in found.items()},
    }


def _real(ground: Ground) -> StageResult:
    order = np.random.default_rng([ground.seed, 1]).permutation(len(ground.fitted))
    return _measured(ground, ground.fitted.items[order[: len(ground.held_out)]])


def _popularity(ground: Ground) -> StageResult:
    return StageResult(_ranked(ground, Popularity().fit(ground.train)), {})


def _markov(ground: Ground) -> StageResult:
    chain = MarkovChain(strength=3.0).fit(ground.fitted, ground.train)
    result = _measured(ground, chain.generate(len(ground.held_out), seed=ground.seed))
    result.summary.update(_ranked(ground, chain))
    return result


def _trained(
    ground: Ground,
    settings: AugmentationSettings,
    weights: list[np.ndarray] | None,
    *,
    game: bool,
    estimator: str,
) -> StageResult:
    """By likelihood from new weights where none are given, else `game_epochs` from those."""
    keras.utils.set_random_seed(ground.seed)
    model = build_sequence_gan(
        ground.train,
        ground.fitted,
        estimator=estimator,
        adversarial_weight=settings.gan_weight if game else 0.0,
        seed=ground.seed,
    )
    if weights is not None:
        model.generator.set_weights(weights)
    model.compile(
        d_optimizer=keras.optimizers.Adam(1e-3),
        g_optimizer=keras.optimizers.Adam(2e-3 if weights is None else 5e-4),
        steps_per_execution=8,
    )
    data = batches.of_index(
        np.arange(len(ground.fitted)), batch_size=_BATCH, seed=ground.seed, name="sequence_index"
    )
    epochs = settings.sequence_epochs if weights is None else settings.game_epochs
    fitted = model.fit(
        data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=epochs, verbose=0
    )
    result = _measured(ground, model.generate(len(ground.held_out), seed=ground.seed))
    result.summary.update(_ranked(ground, model))
    result.summary["history"] = fitted.history if game else {}
    result.arrays.update(_numbered(model))
    return result


def _numbered(model: SequenceGAN) -> dict[str, np.ndarray]:
    return {f"weight_{i}": weight for i, weight in enumerate(model.generator.get_weights())}


def _measured(ground: Ground, items: np.ndarray) -> StageResult:
    generated = Sequences(
        items=items,
        user_index=np.zeros(len(items), np.int32),
        num_items=ground.fitted.num_items,
    )
    quality = sequence_fidelity.measure(
        generated, ground.held_out, ground.fitted, ground.item_vectors, seed=ground.seed
    )
    return StageResult({"quality": quality.as_dict()}, {"items": items})


def _ranked(ground: Ground, model) -> dict:
    return {
        "validation": ground.validation.evaluate(model).metrics[MONITOR],
        "next item": ground.test.evaluate(model).metrics[MONITOR],
    }


def _say_collapse(result: StageResult, real: StageResult) -> None:
    if "quality" in result.summary:
        quality, reference = (
            sequence_fidelity.SequenceQuality(**r.summary["quality"]) for r in (result, real)
        )
        result.summary["collapse"] = sequence_fidelity.collapse(quality, reference)


def _line(summary: dict) -> str:
    shown = dict(summary.get("quality", {}))
    shown |= {name: summary[name] for name in ("next item",) if name in summary}
    names = ("auc", "popularity", "bigrams", "group_bigrams", "next item")
    return "  ".join(f"{name} {shown[name]:.3f}" for name in names if name in shown)


def _summary(results: list[StageResult]) -> dict:
    columns: dict[str, list[float]] = {}
    for result in results:
        flat = {**result.summary.get("quality", {})}
        flat |= {n: result.summary[n] for n in ("validation", "next item") if n in result.summary}
        for name, value in flat.items():
            columns.setdefault(name, []).append(value)
    return {
        "mean": {name: float(np.mean(values)) for name, values in columns.items()},
        "deviation": {name: deviation(values) for name, values in columns.items()},
        "seconds": float(np.mean([r.summary["seconds"] for r in results])),
        "collapse": [said for r in results if (said := r.summary.get("collapse"))],
        "history": results[0].summary.get("history", {}),
    }
