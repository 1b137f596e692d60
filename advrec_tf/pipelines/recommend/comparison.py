"""The models of the main job, each with its ablation and controls, trained as resumable stages."""

from __future__ import annotations

import dataclasses
import functools
import logging
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.splits import Split
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.evaluation.protocols import ColdStart
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import MatrixRecommender, log_popularity
from advrec_tf.models.baselines import EASE, ItemKNN, Popularity
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.models.towers import in_blocks
from advrec_tf.perturbations import Perturbation
from advrec_tf.pipelines.progress import stage_done
from advrec_tf.pipelines.recommend import next_item, variants
from advrec_tf.pipelines.recommend.generation import calibrate, generated_rows
from advrec_tf.pipelines.recommend.ranking_stages import (
    train_clicks,
    train_multi_task,
    train_ratings,
)
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.recommend.variants import Console, EvaluationSetting
from advrec_tf.pipelines.stages import StageResult, StageStore

BASELINES = ("popularity", "ease", "item_knn", "transitions")
GENERATORS = ("gan", "gan_ablation", "ease", "popularity", "random")


class ModelComparison:
    """The stages in their order, and their results by evaluation setting and model."""

    def __init__(self, settings: RecommenderSettings, store: StageStore, console: Console):
        self.settings = settings
        self.store = store
        self.console = console
        self.results: dict[str, dict[str, list[StageResult]]] = {"whole": {}, "cold": {}}
        self.seeds = range(settings.seed, settings.seed + settings.seeds)

    def stage(
        self, setting: EvaluationSetting, model: str, seed: int, train, **arguments
    ) -> StageResult:
        """Train one model in one evaluation setting with one seed, unless the store has it."""
        label = f"{setting.name} {model} {seed}"
        name = label.replace(" ", "-")
        done = self.store.has(name)
        result = self.store.run(
            name,
            lambda checkpoint: train(
                setting, self.settings, self.console, label, checkpoint, seed=seed, **arguments
            ),
        )
        validation = result.summary.get("validation")
        value = "" if validation is None else f"validation ndcg@10 {validation:.4f}"
        line = f"{self._told(setting, model, seed):<36} {value}{'  (stored)' if done else ''}"
        stage_done(line, level=logging.INFO if setting.name == "whole" else logging.DEBUG)
        return result

    def _told(self, setting: EvaluationSetting, model: str, seed: int) -> str:
        """A stage as a line names it: the seed where there are several."""
        users = "" if setting.name == "whole" else f", {setting.name} users"
        return f"{model}{users}" + (f", seed {seed}" if len(self.seeds) > 1 else "")

    def planned(self, split: Split, settings: Sequence[EvaluationSetting]) -> int:
        """How many stages `job.run` ends, in these evaluation settings ("whole" first)."""
        chosen = self.settings
        sizes = len(chosen.temperature) + len(chosen.epsilon) + len(chosen.autoencoder_epsilon)
        seeds = len(self.seeds)
        # Of the ablations, the sizes have trained the towers and two perturbed models already.
        count = sizes + (seeds - 1) - seeds - 2
        for setting in settings:
            sparse = (setting.train.by_user().counts < chosen.generated_min_history).any()
            sources = GENERATORS if EASE.fits(setting.train) else GENERATORS[:-1]
            rows = len(
                [*_tower_rows(Perturbation(epsilon=1.0), dict.fromkeys(sources if sparse else ()))]
            )
            count += 2 * sparse + seeds * (
                rows + len(_beside_noise("autoencoder", Perturbation(epsilon=1.0)))
            )
        if self._reads_order(settings[0]):
            count += seeds * len(_beside_noise(chosen.next_item, Perturbation(epsilon=1.0)))
        return int(count) + 1 + (split.train.rating is not None)

    def keep(self, setting: EvaluationSetting, model: str, result: StageResult) -> None:
        self.results[setting.name].setdefault(model, []).append(result)

    def keep_missing(
        self, setting: EvaluationSetting, model: str, seed: int, train, **arguments
    ) -> None:
        """`stage` and `keep`, unless this model was trained when its size was chosen."""
        if len(self.results[setting.name].get(model, [])) <= seed - self.seeds[0]:
            self.keep(setting, model, self.stage(setting, model, seed, train, **arguments))

    def oracle(self, setting: EvaluationSetting, best_scores: np.ndarray) -> None:
        """The distribution that synthetic data was drawn from, as the best possible model."""
        oracle = MatrixRecommender(scores=best_scores, interactions=setting.train)
        result = self.store.run(
            f"{setting.name}-oracle", lambda _: variants.measure(oracle, setting)
        )
        self.keep(setting, "oracle", result)

    def baselines(self, setting: EvaluationSetting, *, counts: bool = True) -> None:
        """Popularity, EASE with the l2 that validation prefers and, where there are times, item-kNN
        and transitions, unless `counts` is False."""

        def popularity(checkpoint):
            return variants.measure_baseline(Popularity().fit(setting.train), setting, 0.0)

        def ease(checkpoint):
            best = None  # one model beside the one that is fitted: each may take gigabytes
            for l2 in sorted(self.settings.ease_l2):
                started = time.perf_counter()
                model = EASE(l2).fit(setting.train)
                seconds = time.perf_counter() - started
                value = setting.validation.evaluate(model).metrics["ndcg@10"]
                if best is None or value > best[0]:
                    best = value, l2, model, seconds
                del model
            _, l2, model, seconds = best
            result = variants.measure_baseline(model, setting, seconds)
            result.summary["l2"] = l2
            return result

        def plain(model, checkpoint):
            started = time.perf_counter()
            model.fit(setting.train)
            seconds = time.perf_counter() - started
            return variants.measure_baseline(model, setting, seconds)

        self.keep(setting, "popularity", self.store.run(f"{setting.name}-popularity", popularity))
        if isinstance(setting.train, CountedInteractions):
            self.console.write("no EASE row: it would hold all interactions of the shards")
        elif EASE.fits(setting.train):
            self.keep(setting, "ease", self.store.run(f"{setting.name}-ease", ease))
        else:
            self.console.write("no EASE row: the catalogue is too large for its closed form")
        if setting.train.timestamp is None or not counts:
            return
        for name, model in (("item_knn", ItemKNN()), ("transitions", Transitions())):
            stage = self.store.run(f"{setting.name}-{name}", functools.partial(plain, model))
            self.keep(setting, name, stage)

    def choose_temperature(self, setting: EvaluationSetting) -> float:
        """The temperature of the plain tower that validation prefers; keeps the plain towers."""
        first = self.seeds[0]
        found = {
            t: self.stage(
                setting,
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
                plain = self.stage(setting, "tower", seed, variants.train_tower, temperature=best)
            self.keep(setting, "tower", plain)
        return best

    def choose_epsilon(self, setting: EvaluationSetting, temperature: float) -> float:
        """The size of the attack on embedding rows that validation prefers (not zero: whether
        to attack at all is decided when the model to ship is chosen)."""
        return self._choose(
            setting,
            "tower+perturbed",
            self.settings.epsilon,
            variants.train_tower,
            temperature=temperature,
        )

    def choose_code_epsilon(self, setting: EvaluationSetting) -> float:
        """As `choose_epsilon`, for the item vectors of the autoencoder."""
        return self._choose(
            setting,
            "autoencoder+perturbed",
            self.settings.autoencoder_epsilon,
            variants.train_autoencoder,
        )

    def _choose(self, setting, model, sizes, train, **arguments) -> float:
        found = {
            size: self.stage(
                setting,
                f"{model}@{size:g}",
                self.seeds[0],
                train,
                perturbation=Perturbation(epsilon=size, relative=True),
                **arguments,
            )
            for size in sizes
        }
        best = max(found, key=lambda size: found[size].summary["validation"])
        self.keep(setting, model, found[best])
        return best

    def generate(
        self, setting: EvaluationSetting, blends: dict[str, dict], cold: ColdStart | None = None
    ) -> dict[str, AugmentedInteractions]:
        """Rows from every generator, with the first seed.

        With `cold`, `blends` is filled by calibration; without, it is used as it is.
        """
        settings, train, seed = self.settings, setting.train, self.seeds[0]
        sparse = np.flatnonzero(train.by_user().counts < settings.generated_min_history)
        if not len(sparse):
            self.console.write(
                f"{setting.name}: no user has fewer than {settings.generated_min_history} rows, so "
                "nothing is generated"
            )
            return {}
        popularity = np.tile(log_popularity(train), (len(sparse), 1))
        noise = np.random.default_rng(seed).random((len(sparse), train.num_items))
        scores = {"popularity": popularity, "random": noise.astype(np.float32)}
        for name, weight in (("gan", settings.gan_weight), ("gan_ablation", 0.0)):
            result = self.stage(setting, name, seed, variants.train_gan, adversarial_weight=weight)
            self.keep(setting, name, result)
            scores[name] = result.arrays["scores"]
        if "ease" in self.results[setting.name]:
            l2 = self.results[setting.name]["ease"][0].summary["l2"]
            ease = EASE(l2).fit(train)
            scores["ease"] = in_blocks(
                lambda rows: ease.score(tf.gather(sparse, rows)), len(sparse)
            )
        rows = {}
        for name in GENERATORS:
            if name not in scores:
                continue
            if cold is not None and name in ("gan", "gan_ablation", "ease"):
                blends[name] = calibrate(scores[name], sparse, cold)
            rows[name] = generated_rows(
                scores[name], sparse, train, settings, name, blends.get(name)
            )
        return rows

    def ablations(
        self,
        setting: EvaluationSetting,
        generated: dict[str, AugmentedInteractions],
        *,
        temperature: float,
        epsilon: float,
        autoencoder_epsilon: float,
    ) -> None:
        """Every model of the comparison that is not trained yet, for every seed."""
        attack = Perturbation(epsilon=epsilon, relative=True)
        code_attack = Perturbation(epsilon=autoencoder_epsilon, relative=True)
        for seed in self.seeds:
            for model, perturbation, source in _tower_rows(attack, generated):
                self.keep_missing(
                    setting,
                    model,
                    seed,
                    variants.train_tower,
                    temperature=temperature,
                    perturbation=perturbation,
                    augmented=generated.get(source),
                )
            for model, perturbation in _beside_noise("autoencoder", code_attack):
                self.keep_missing(
                    setting, model, seed, variants.train_autoencoder, perturbation=perturbation
                )

    def next_item(self, setting: EvaluationSetting) -> None:
        """The next-item model beside noise and the perturbation of what it reads, where there are
        times."""
        if not self._reads_order(setting):
            return
        attack = Perturbation(epsilon=self.settings.next_item_epsilon, relative=True)
        for seed in self.seeds:
            for model, perturbation in _beside_noise(self.settings.next_item, attack):
                self.keep_missing(
                    setting, model, seed, next_item.train_row, perturbation=perturbation
                )

    def _reads_order(self, setting: EvaluationSetting) -> bool:
        return self.settings.next_item != "none" and setting.train.timestamp is not None

    def ranking_towers(
        self, split: Split, test: RankingEvaluator, *, to_export: bool = False
    ) -> dict[str, StageResult]:
        """The ranking tower on clicks, and on ratings where there are any; where they are to be
        exported, with their weights, and with ratings the multi-task model."""
        console, settings = self.console, self.settings
        stages = {
            "clicks": lambda checkpoint: train_clicks(
                split, settings, console, "ranking clicks", checkpoint, test, keep_weights=to_export
            )
        }
        if split.train.rating is not None:
            stages["ratings"] = lambda checkpoint: train_ratings(
                split, settings, console, "ranking ratings", keep_weights=to_export
            )
            if to_export and not np.isnan(split.train.rating).all():
                stages["multi_task"] = lambda checkpoint: train_multi_task(
                    split, settings, console, "ranking multi_task", checkpoint, test
                )
        found = {}
        for name, train in stages.items():
            found[name] = self.store.run(f"ranking-{name}", train)
            stage_done(f"ranking tower, {name}")
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


def _beside_noise(model: str, attack: Perturbation):
    """(row name, perturbation) of a model, its control and its attacked form."""
    return (
        (model, None),
        (f"{model}+noise", dataclasses.replace(attack, direction="random")),
        (f"{model}+perturbed", attack),
    )
