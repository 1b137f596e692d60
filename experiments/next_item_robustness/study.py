"""The study: networks are trained once, their histories polluted, and their training poisoned.

Every training and every measurement is a stage of a run that can be resumed.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.next_item import queries_of
from advrec_tf.data.splits import Split
from advrec_tf.defence.sequential.transition_surprise import TransitionSurprise
from advrec_tf.evaluation.next_item import NextItemEvaluator
from advrec_tf.models.baselines import Popularity
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.pipelines.attack.setting import choose_targets
from advrec_tf.pipelines.next_item_attack import defences
from advrec_tf.pipelines.next_item_attack.pollution import Answering, pollution_curves
from advrec_tf.pipelines.next_item_attack.promotion import (
    ADAPTIVE,
    Audience,
    attack_of,
    poisoned_training,
    usual_length,
)
from advrec_tf.pipelines.recommend.next_item import model_of, weights_of
from advrec_tf.pipelines.stages import StageResult, StageStore, slug
from advrec_tf.training import recipes
from advrec_tf.training.recipe import Recipe
from experiments.next_item_robustness import rows
from experiments.next_item_robustness.rows import PLAIN

BUDGETS = (1, 2, 5, 10)
SEARCHES = ("random", "greedy", "gradient")
SIZE = EncoderSize(length=50, dim=64, blocks=2, heads=2, dropout=0.3)
BATCH, EPOCHS, PATIENCE, EVERY = 64, 200, 3, 5
TARGETS = 3
"""Of the items that more than five users have and most have not; each has its fake users."""
FAKE_USERS = 0.05
"""Of the real ones, for all targets together."""

CO_VISITATION = "co-visitation"
CELLS = (
    (defences.NONE, defences.NONE),
    (CO_VISITATION, defences.NONE),
    (CO_VISITATION, defences.REMOVAL),
    (ADAPTIVE, defences.REMOVAL),
)
"""Attack and defence; the adaptive attacker knows the detector."""

ATTACKS = (CO_VISITATION, ADAPTIVE)


@dataclasses.dataclass(frozen=True, eq=False)
class Robustness:
    """What is trained and measured for one seed.

    Args:
        split: of the last item.
        store: of the stages.
        seed: of weights, batches, draws and attacks.
        log: takes a line.
    """

    split: Split
    store: StageStore
    seed: int
    log: Callable[[str], None] = print
    size: EncoderSize = SIZE
    epochs: int = EPOCHS

    @functools.cached_property
    def audience(self) -> Audience:
        queries = queries_of(self.split)
        targets = choose_targets(self.split.train, per_group=TARGETS, seed=0)["mid"]
        return Audience(
            histories=queries.padded(np.arange(len(queries)), self.size.length),
            next_items=queries.target_item,
            targets=np.array(targets),
        )

    @functools.cached_property
    def detector(self) -> TransitionSurprise:
        """Of the training part, which is trusted; no other data are."""
        return defences.trusted_detector(self.split.train, self.size.length)

    @property
    def recipe(self) -> Recipe:
        return recipes.next_item("sasrec", size=self.size, batch_size=BATCH, epochs=self.epochs)

    # Polluted histories.

    def pollution(self, without: Sequence[str] = ()) -> dict[str, dict]:
        """Label -> `validation`, `epochs`, `seconds` and the curves, of all rows but those."""
        train = self.split.train

        def behind_plain(defence: str) -> Answering:
            return defences.behind(defence, self.trained(PLAIN)[0], self.detector)

        behind = {
            rows.SMOOTHED: lambda: behind_plain(defences.SMOOTHING),
            rows.PURIFIED: lambda: behind_plain(defences.PURIFICATION),
            rows.TRANSITIONS: lambda: Answering(scorer=Transitions().fit(train)),
            rows.POPULARITY: lambda: Answering(scorer=Popularity().fit(train)),
        }
        found = {}
        for label in (*rows.trainings(train), *behind):
            if label in without:
                continue
            if label in behind:
                found[label] = self.curves(label, behind[label]())
                continue
            network, summary = self.trained(label)
            found[label] = summary | self.curves(label, Answering(scorer=network, network=network))
        return found

    def trained(self, label: str) -> tuple[SequenceModel, dict]:
        """The network of a row, its epochs chosen on validation."""

        def train(checkpoint):
            fitted = self.recipe.train(
                self.split.train,
                seed=self.seed,
                wrap=rows.trainings(self.split.train)[label],
                evaluator=NextItemEvaluator(
                    queries_of(self.split, "validation"), self.split.train, ks=(10,)
                ),
                patience=PATIENCE,
                every=EVERY,
                checkpoint=checkpoint,
            )
            report = fitted.report
            summary = {"epochs": report.best_epoch, "validation": report.best}
            summary |= {"seconds": report.seconds, "verdict": report.verdict}
            self.log(f"{label}, seed {self.seed}: {summary}")
            return StageResult(summary, weights_of(fitted.model))

        stage = self.store.run(f"train-{slug(label)}-{self.seed}", train)
        model = model_of(self.recipe, stage, self.split.train, seed=self.seed)
        return model, stage.summary

    def curves(self, label: str, answering: Answering) -> dict:
        """Stored as a stage."""

        def measure(_):
            started = time.perf_counter()
            found = pollution_curves(
                answering,
                self.audience.histories,
                self.audience.next_items,
                searches=SEARCHES,
                budgets=BUDGETS,
                seed=self.seed,
            )
            seconds = time.perf_counter() - started
            self.log(f"{label}, seed {self.seed}: attacked in {seconds:.0f} s")
            return StageResult({"curves": found}, {})

        both = "" if answering.detector is None else "-two-attackers"
        return self.store.run(f"pollute-{slug(label)}{both}-{self.seed}", measure).summary

    # Poisoned training.

    def promotion(self, labels: Sequence[str], attacks: Sequence[str] = ATTACKS) -> list[dict]:
        """A record for each model of `labels`, attack and defence: `target_hit_rate`, `ndcg`, and
        what the detector found; first those without an attack."""
        train, audience = self.split.train, self.audience
        return [
            self._promoted(label, attack, defence, train, audience)
            for label in labels
            for attack, defence in CELLS
            if attack in (defences.NONE, *attacks)
        ]

    def _promoted(self, label, attack, defence, train: Interactions, audience: Audience) -> dict:
        def measure(_):
            data, about = train, {}
            if attack != defences.NONE:
                fakes = attack_of(
                    attack,
                    max(1, round(FAKE_USERS * train.num_users)),
                    usual_length(train, self.size.length),
                    self.detector,
                )
                data, about = poisoned_training(
                    train,
                    fakes,
                    audience.targets,
                    detectors={"transition surprise": self.detector},
                    most=train.num_users,
                    seed=self.seed,
                )
            if defence == defences.REMOVAL:
                data = defences.without_suspicious(data, self.detector)
            model = self._fitted(label, data)
            standing = audience.standing(model)
            if label == PLAIN and defence == defences.NONE:
                after = audience.standing(defences.smoothed(model))
                standing |= {f"{name}, smoothed": value for name, value in after.items()}
            self.log(f"{label}, {attack}, {defence}, seed {self.seed}: {standing} {about}")
            return StageResult({**standing, **about}, {})

        name = f"promote-{slug(label)}-{slug(attack)}-{slug(defence)}-{self.seed}"
        summary = self.store.run(name, measure).summary
        return {"model": label, "attack": attack, "defence": defence, **summary}

    def _fitted(self, label: str, data: Interactions):
        """Trained on poisoned data for as many epochs as validation chose on clean ones."""
        if label == rows.TRANSITIONS:
            return Transitions().fit(data)
        network, summary = self.trained(label)
        if data is self.split.train:
            return network
        wrap = rows.trainings(data)[label]
        epochs = max(1, summary["epochs"])
        return self.recipe.train(data, seed=self.seed, wrap=wrap, epochs=epochs).model
