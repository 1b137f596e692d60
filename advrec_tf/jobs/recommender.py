"""The main job: from interactions to a compared, chosen and exported recommender.

Two arenas are run side by side. `whole` is the split as it is; `cold` is the same split with
a share of the users cut to 1, 3 and 5 interactions. In each, every adversarial or generated
ingredient stands beside its twin without the adversary, noise of equal size, and simple
sources of the same rows. Sizes are chosen on validation, zero included; what is shipped is
what validation prefers, with a popularity prior for users with few interactions. Every
model is a stage of its own, so the job can be killed and resumed.
"""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Callable
from importlib import metadata

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._version import __version__
from advrec_tf.data import audit, filters, splits
from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.report import Loaded
from advrec_tf.evaluation.protocols import ColdStart, cold_start
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.jobs import variants
from advrec_tf.jobs.generation import calibrate, generated_rows
from advrec_tf.jobs.settings import RecommenderSettings
from advrec_tf.jobs.stages import StageResult, StageStore
from advrec_tf.jobs.variants import Arena, Console
from advrec_tf.models.baselines import EASE, EASE_MEMORY_LIMIT, Popularity
from advrec_tf.models.recommender import log_popularity
from advrec_tf.models.vectors import VectorRecommender, with_popularity_prior
from advrec_tf.perturbations import Perturbation

PRIOR_SCALES = (0.03, 0.1, 0.2, 0.3, 0.5, 1.0)
GENERATORS = ("gan", "gan_twin", "ease", "popularity", "random")
TABLE_KS = (10, 20)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What the job found.

    Attributes:
        split, cold: the data of the two arenas (`cold` is None where too few users could be
            cut).
        results: arena -> model name -> one `StageResult` per seed.
        ranking: objective -> result of the ranking tower.
        choices: what validation chose, by name.
        shipped: the recommender to export.
        generated: source -> generated rows of the cold arena (first seed).
    """

    split: splits.Split
    cold: ColdStart | None
    results: dict[str, dict[str, list[StageResult]]]
    ranking: dict[str, StageResult]
    choices: dict
    shipped: VectorRecommender
    generated: dict[str, AugmentedInteractions]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Prepared:
    """Loaded, filtered and split data, with everything that was counted on the way."""

    split: splits.Split
    counts: dict
    audit: dict


def prepare(loaded: Loaded, settings: RecommenderSettings) -> Prepared:
    """Filter, drop repeats, split and audit; nothing leaves uncounted."""
    interactions = loaded.interactions
    counts = {"read": loaded.report.as_dict()}
    if settings.minimum_rating is not None:
        interactions, removed = filters.minimum_rating(interactions, settings.minimum_rating)
        counts["removed_by_minimum_rating"] = removed
    interactions, counts["removed_as_repeats"] = filters.without_repeats(interactions)
    if settings.k_core:
        interactions, counts["removed_by_k_core"] = filters.k_core(
            interactions, users=settings.k_core, items=settings.k_core
        )
    split = splits.make(settings.split, interactions)
    counts |= {
        "users": interactions.num_users,
        "items": interactions.num_items,
        "rows": len(interactions),
        "train_rows": len(split.train),
        "validation_rows": len(split.validation),
        "test_rows": len(split.test),
    }
    return Prepared(split=split, counts=counts, audit=audit.audit(split).as_dict())


def identity_of(prepared: Prepared, settings: RecommenderSettings) -> dict:
    """What the results depend on: the run is resumed only where all of it is the same."""
    packages = ("tensorflow", "tensorflow-cpu", "tf-keras", "tensorflow-recommenders", "numpy")
    versions = {"advrec_tf": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "settings": settings.as_dict(),
        "data_sha256": prepared.split.fingerprint(),
        "versions": versions,
    }


def run(
    prepared: Prepared,
    settings: RecommenderSettings,
    store: StageStore,
    write: Callable[[str], None] = print,
) -> Outcome:
    """Train, measure and choose. Deterministic for equal data, settings and machine."""
    losses.gan_loss(settings.gan_loss)
    tf.config.experimental.enable_op_determinism()
    split = prepared.split
    job = _Job(settings, store, Console(write=write, boards=store.folder / "tensorboard"))
    test = RankingEvaluator(split.train, split.test, also_seen=split.validation, ks=TABLE_KS)
    validation = RankingEvaluator(split.train, split.validation, ks=TABLE_KS)
    whole = Arena(name="whole", train=split.train, validation=validation, tests={"test": test})
    cold, cold_arena = _cold_arena(split, settings, write)

    job.baselines(whole)
    temperature = job.choose_temperature(whole)
    epsilon = job.choose_epsilon(whole, temperature)
    code_epsilon = job.choose_code_epsilon(whole)
    blends: dict[str, dict] = {}
    generated: dict[str, AugmentedInteractions] = {}
    if cold_arena is not None:
        job.baselines(cold_arena)
        generated = job.generate(cold_arena, settings.seed, blends, cold)
        job.twins(cold_arena, temperature, epsilon, code_epsilon, generated)
    job.twins(
        whole,
        temperature,
        epsilon,
        code_epsilon,
        job.generate(whole, settings.seed, blends, None),
    )
    shipped, choices = job.choose_shipped(whole, cold_arena, cold)
    ranking = job.ranking_towers(split, test)
    return Outcome(
        split=split,
        cold=cold,
        results=job.results,
        ranking=ranking,
        choices={
            "temperature": temperature,
            "epsilon": epsilon,
            "code_epsilon": code_epsilon,
            "generation": blends,
            **choices,
        },
        shipped=shipped,
        generated=generated,
    )


def _cold_arena(split, settings, write) -> tuple[ColdStart | None, Arena | None]:
    try:
        cold = cold_start(split, share=settings.cold_share, seed=settings.seed)
    except ValueError as reason:
        write(f"no cold-start comparison: {reason}")
        return None, None
    tests = {
        "withheld": RankingEvaluator(
            cold.train, cold.withheld, also_seen=cold.choosing, ks=TABLE_KS
        ),
        "choosing": RankingEvaluator(
            cold.train, cold.choosing, also_seen=cold.withheld, ks=TABLE_KS
        ),
        # What the user saw before is not on offer, though the models do not know of it.
        "next_item": RankingEvaluator(
            split.train,
            split.test,
            also_seen=split.validation,
            ks=TABLE_KS,
            users=cold.users,
        ),
    }
    validation = RankingEvaluator(split.train, split.validation, ks=TABLE_KS)
    return cold, Arena(name="cold", train=cold.train, validation=validation, tests=tests)


class _Job:
    """The stages, in their order; keeps the results by arena and model."""

    def __init__(self, settings: RecommenderSettings, store: StageStore, console: Console):
        self.settings = settings
        self.store = store
        self.console = console
        self.results: dict[str, dict[str, list[StageResult]]] = {"whole": {}, "cold": {}}
        self.seeds = range(settings.seed, settings.seed + settings.seeds)
        self._perturbed: dict[str, float] = {}

    def stage(self, arena: Arena, model: str, seed: int, train, **arguments) -> StageResult:
        """Train one model in one arena with one seed, unless the store has it."""
        label = f"{arena.name} {model} {seed}"
        name = label.replace(" ", "-")
        done = self.store.has(name)
        result = self.store.run(
            name,
            lambda checkpoint: train(
                arena, self.settings, self.console, label, checkpoint, seed=seed, **arguments
            ),
        )
        validation = result.summary.get("validation")
        value = "" if validation is None else f"validation ndcg@10 {validation:.4f}"
        self.console.write(f"{label:<36} {value}{'  (stored)' if done else ''}")
        return result

    def keep(self, arena: Arena, model: str, result: StageResult) -> None:
        self.results[arena.name].setdefault(model, []).append(result)

    def baselines(self, arena: Arena) -> None:
        """Popularity, and EASE at the ridge that validation prefers."""

        def popularity(checkpoint):
            return variants.measure_baseline(Popularity().fit(arena.train), arena, 0.0)

        def ease(checkpoint):
            fitted = []
            for l2 in self.settings.ease_l2:
                started = time.perf_counter()
                model = EASE(l2).fit(arena.train)
                seconds = time.perf_counter() - started
                value = arena.validation.evaluate(model).metrics["ndcg@10"]
                fitted.append((value, -l2, model, seconds))
            value, negative_l2, model, seconds = max(fitted, key=lambda f: f[:2])
            result = variants.measure_baseline(model, arena, seconds)
            result.summary["l2"] = -negative_l2
            return result

        self.keep(arena, "popularity", self.store.run(f"{arena.name}-popularity", popularity))
        if 24 * arena.train.num_items**2 <= EASE_MEMORY_LIMIT:
            self.keep(arena, "ease", self.store.run(f"{arena.name}-ease", ease))
        else:
            self.console.write("no EASE row: the catalogue is too large for its closed form")

    def choose_temperature(self, arena: Arena) -> float:
        """The temperature of the plain tower that validation prefers; keeps the plain towers."""
        first = self.seeds[0]
        found = {
            t: self.stage(
                arena,
                "tower" if len(self.settings.temperature) == 1 else f"tower@{t:g}",
                first,
                variants.train_tower,
                temperature=t,
            )
            for t in self.settings.temperature
        }
        best = max(found, key=lambda t: found[t].summary["validation"])
        for seed in self.seeds:
            plain = found[best]
            if seed != first:
                plain = self.stage(arena, "tower", seed, variants.train_tower, temperature=best)
            self.keep(arena, "tower", plain)
        return best

    def choose_epsilon(self, arena: Arena, temperature: float) -> float:
        """The size of the attack on embedding rows that validation prefers (not zero: whether
        to attack at all is decided when the model to ship is chosen)."""
        return self._choose(
            arena,
            "tower+perturbed",
            self.settings.epsilon,
            variants.train_tower,
            temperature=temperature,
        )

    def choose_code_epsilon(self, arena: Arena) -> float:
        """As `choose_epsilon`, for the item vectors of the autoencoder."""
        return self._choose(
            arena, "autoencoder+perturbed", self.settings.code_epsilon, variants.train_autoencoder
        )

    def _choose(self, arena, model, sizes, train, **arguments) -> float:
        found = {
            size: self.stage(
                arena,
                f"{model}@{size:g}",
                self.seeds[0],
                train,
                perturbation=Perturbation(epsilon=size, relative=True),
                **arguments,
            )
            for size in sizes
        }
        best = max(found, key=lambda size: found[size].summary["validation"])
        self.keep(arena, model, found[best])
        return best

    def generate(
        self, arena: Arena, seed: int, blends: dict, cold: ColdStart | None
    ) -> dict[str, AugmentedInteractions]:
        """Rows from every generator; with `cold`, their blends are calibrated first."""
        settings, train = self.settings, arena.train
        sparse = np.flatnonzero(train.by_user().counts < settings.generated_reach)
        if not len(sparse):
            self.console.write(
                f"{arena.name}: no user has fewer than {settings.generated_reach} rows, so "
                "nothing is generated"
            )
            return {}
        popularity = np.tile(log_popularity(train), (len(sparse), 1))
        noise = np.random.default_rng(seed).random((len(sparse), train.num_items))
        scores = {"popularity": popularity, "random": noise.astype(np.float32)}
        for name, weight in (("gan", settings.gan_weight), ("gan_twin", 0.0)):
            result = self.stage(arena, name, seed, variants.train_gan, adversarial_weight=weight)
            self.keep(arena, name, result)
            scores[name] = result.arrays["scores"]
        if "ease" in self.results[arena.name]:
            l2 = self.results[arena.name]["ease"][0].summary["l2"]
            ease = EASE(l2).fit(train)
            scores["ease"] = np.concatenate(
                [
                    ease.score(block).numpy()
                    for block in np.array_split(sparse, len(sparse) // 1024 + 1)
                ]
            )
        rows = {}
        for name in GENERATORS:
            if name not in scores:
                continue
            if cold is not None and name in ("gan", "gan_twin", "ease"):
                blends[name] = calibrate(scores[name], sparse, cold)
            rows[name] = generated_rows(
                scores[name], sparse, train, settings, name, blends.get(name)
            )
        return rows

    def twins(self, arena, temperature, epsilon, code_epsilon, generated) -> None:
        """Every row of the comparison that is not there yet, for every seed."""
        attack = Perturbation(epsilon=epsilon, relative=True)
        code_attack = Perturbation(epsilon=code_epsilon, relative=True)
        for seed in self.seeds:
            for model, perturbation, source in _tower_rows(attack, generated):
                if len(self.results[arena.name].get(model, [])) > seed - self.seeds[0]:
                    continue
                self.keep(
                    arena,
                    model,
                    self.stage(
                        arena,
                        model,
                        seed,
                        variants.train_tower,
                        temperature=temperature,
                        perturbation=perturbation,
                        augmented=generated.get(source),
                    ),
                )
            for model, perturbation in (
                ("autoencoder", None),
                ("autoencoder+noise", dataclasses.replace(code_attack, direction="random")),
                ("autoencoder+perturbed", code_attack),
            ):
                if len(self.results[arena.name].get(model, [])) > seed - self.seeds[0]:
                    continue
                self.keep(
                    arena,
                    model,
                    self.stage(
                        arena, model, seed, variants.train_autoencoder, perturbation=perturbation
                    ),
                )

    def choose_shipped(self, whole, cold_arena, cold) -> tuple[VectorRecommender, dict]:
        """The model validation prefers (mean over seeds), with its prior; and the choices."""
        candidates = {
            model: float(np.mean([r.summary["validation"] for r in results]))
            for model, results in self.results["whole"].items()
            if "user_vectors" in results[0].arrays
        }
        best = max(candidates, key=candidates.get)
        choices = {"shipped_model": best, "validation_of_candidates": candidates}
        by_validation = [r.summary["validation"] for r in self.results["whole"][best]]
        seed = int(np.argmax(by_validation))
        choices["shipped_seed"] = self.seeds[seed]
        for model in ("tower", best):
            scale, few = None, 0
            if cold_arena is not None:
                scale, tried = self._choose_prior(cold_arena, model, cold)
                few = 0 if scale is None else self.settings.few
                choices[f"prior_scale_of_{model}"] = scale
                choices[f"prior_scales_tried_of_{model}"] = tried
            row = "tower+prior" if model == "tower" else "shipped"
            for arena in (whole, cold_arena):
                if arena is not None:
                    self._keep_with_prior(arena, model, row, scale, few)
        if best == "tower":
            for results in self.results.values():
                if "tower+prior" in results:
                    results["shipped"] = results["tower+prior"]
        choices["few"] = few
        shipped = with_popularity_prior(
            *_vectors(self.results["whole"][best][seed]),
            whole.train,
            scale=1.0 if scale is None else scale,
            few=few,
        )
        return shipped, choices

    def _choose_prior(self, arena, model, cold) -> tuple[float | None, dict[str, float]]:
        """The scale that is best on the choosing half of the users that were cut, or None."""
        results = self.results["cold"][model]
        tried = {}
        for scale in (None, *PRIOR_SCALES):
            values = []
            for result in results:
                model_with = with_popularity_prior(
                    *_vectors(result),
                    arena.train,
                    scale=1.0 if scale is None else scale,
                    few=0 if scale is None else self.settings.few,
                )
                evaluator = arena.tests["choosing"]
                values.append(evaluator.evaluate(model_with).metrics["ndcg@10"])
            tried["off" if scale is None else f"{scale:g}"] = float(np.mean(values))
        best = max(tried, key=tried.get)
        return (None if best == "off" else float(best)), tried

    def _keep_with_prior(self, arena, model, row, scale, few) -> None:
        for result in self.results[arena.name][model]:
            recommender = with_popularity_prior(
                *_vectors(result), arena.train, scale=1.0 if scale is None else scale, few=few
            )
            measured = variants.measure(recommender, arena)
            summary = {**result.summary, **measured.summary}
            self.keep(arena, row, StageResult(summary, measured.arrays))

    def ranking_towers(self, split, test) -> dict[str, StageResult]:
        """The ranking tower on clicks, and on ratings where there are any."""
        objectives = ["clicks"] + (["ratings"] if split.train.rating is not None else [])
        found = {}
        for objective in objectives:
            label = f"ranking {objective}"
            found[objective] = self.store.run(
                label.replace(" ", "-"),
                lambda checkpoint, objective=objective, label=label: variants.train_ranking(
                    split,
                    self.settings,
                    self.console,
                    label,
                    checkpoint,
                    objective=objective,
                    evaluator=test,
                ),
            )
        return found


def _tower_rows(attack: Perturbation, generated: dict):
    """(row name, perturbation, source of generated rows) of every tower in the table."""
    yield "tower", None, None
    yield "tower+perturbed", attack, None
    yield "tower+noise", dataclasses.replace(attack, direction="random"), None
    for source in GENERATORS:
        if source in generated:
            yield f"tower+generated_{source}", None, source
    if "gan" in generated:
        yield "tower+perturbed+generated_gan", attack, "gan"


def _vectors(result: StageResult) -> tuple[np.ndarray, np.ndarray]:
    return result.arrays["user_vectors"], result.arrays["item_vectors"]
