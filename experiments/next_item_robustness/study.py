"""The study: networks are trained once, their histories polluted, and their training poisoned.

Every training and every measurement is a stage of a run that can be resumed.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.next_item import queries_of
from advrec_tf.data.splits import Split
from advrec_tf.defence.sequential.transition_surprise import TransitionSurprise
from advrec_tf.evaluation.next_item import NextItemEvaluator
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
from experiments.next_item_robustness import answers, rows
from experiments.next_item_robustness.rows import PLAIN
from experiments.next_item_robustness.tuning import Tuned, strongest

BUDGETS = (1, 2, 5, 10)
SEARCHES = ("random", "greedy", "gradient")
SIZE = EncoderSize(length=50, dim=64, blocks=2, heads=2, dropout=0.3)
BATCH, EPOCHS, PATIENCE, EVERY = 64, 200, 3, 5
EPOCHS_AFTER, EVERY_AFTER, RATE_AFTER = 6, 2, 2e-4
"""Of a network that goes on from the plain one; its learning rate is a fifth of that before, as in
`recipes.apr`, since starting again at the whole rate costs more than the perturbation."""
DISTURBED = 0.1
"""Of the items of the histories that its epochs are chosen on."""
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

    @functools.cached_property
    def validation(self) -> NextItemEvaluator:
        queries = queries_of(self.split, "validation")
        return NextItemEvaluator(queries, self.split.train, ks=(10,))

    @functools.cached_property
    def disturbed(self) -> NextItemEvaluator:
        """The same with some items of the histories exchanged at random: by it the epochs of a
        hardened network are chosen, since clean histories would always ask for the fewest."""
        queries = queries_of(self.split, "validation")
        rng = np.random.default_rng(self.seed)
        drawn = rng.integers(queries.num_items, size=len(queries.items), dtype=np.int32)
        exchanged = rng.random(len(drawn)) < DISTURBED
        queries = dataclasses.replace(queries, items=np.where(exchanged, drawn, queries.items))
        return NextItemEvaluator(queries, self.split.train, ks=(10,))

    # Polluted histories.

    def pollution(self, without: Sequence[str] = (), priced: Sequence[str] = ()) -> dict[str, dict]:
        """Label -> the curves, of a network `validation`, `epochs` and `seconds`, and of a row with
        a setting `strength` and what was `tried`; of all rows but those `without`. Rows that are
        only `priced` have no curves."""
        found = {}
        for label in rows.LABELS:
            if label not in without:
                tuned = self.tuned(label)
                about = {} if tuned is None else tuned.as_dict()
                answering, summary = self.answering(label, about.get("strength"))
                found[label] = summary | about
                if label not in priced:
                    found[label] |= self.curves(label, answering, about)
        return found

    def tuned(self, label: str) -> Tuned | None:
        """The setting of a row, chosen on validation; None where it has none."""
        if label in rows.FOLLOWS:
            chosen = self.tuned(rows.FOLLOWS[label])
            kept = {chosen.strength: self.validated(label, chosen.strength)}
            return Tuned(strength=chosen.strength, tried=kept, within=chosen.within)
        if label not in rows.STRENGTHS:
            return None
        least = (1.0 - rows.PRICE) * self.trained(PLAIN)[1]["validation"]
        return strongest(rows.STRENGTHS[label], lambda s: self.validated(label, s), least)

    def validated(self, label: str, strength: float) -> float:
        """NDCG@10 on validation of a row at a strength; stored as a stage."""
        if rows.training_of(label, self.split.train) is not None:
            return self.trained(label, strength)[1]["validation"]

        def measure(_):
            answering, _ = self.answering(label, strength)
            value = self.validation.evaluate(answering.scorer).metrics["ndcg@10"]
            self.log(f"{label}, seed {self.seed}: {strength:g} has {value:.4f} on validation")
            return StageResult({"validation": value}, {})

        return self.store.run(self._stage("validate", label, strength), measure).summary[
            "validation"
        ]

    def answering(self, label: str, strength: float | None) -> tuple[Answering, dict]:
        """What answers in a row, and the summary of its training, if there is one of its own."""
        train = self.split.train
        if rows.training_of(label, train) is not None:
            network, summary = self.trained(label, strength)
            return Answering(scorer=network, network=network), summary
        if label == rows.PURIFIED:
            return defences.behind(defences.PURIFICATION, self.plain, self.detector), {}
        if label in answers.COUNTED:
            return Answering(scorer=answers.COUNTED[label]().fit(train)), {}
        network = self.plain
        if label in answers.HARDENED:
            network = self.trained(rows.SUBSTITUTED, self.tuned(rows.SUBSTITUTED).strength)[0]
        scorer = answers.behind(label, network, strength, self.detector)
        return Answering(scorer=scorer, network=network), {}

    @functools.cached_property
    def plain(self) -> SequenceModel:
        return self.trained(PLAIN)[0]

    def trained(self, label: str, strength: float | None = None) -> tuple[SequenceModel, dict]:
        """The network of a row, its epochs chosen on validation. With a strength it goes on from
        the plain network, and `disturbed` chooses; else it is trained from the start."""

        def train(checkpoint):
            recipe, how = self.recipe, {"evaluator": self.validation, "every": EVERY}
            if strength is not None:
                how = {"evaluator": self.disturbed, "every": EVERY_AFTER, "start": self.plain}
                how["epochs"] = min(self.epochs, EPOCHS_AFTER)
                slower = recipes.lazy_adam(RATE_AFTER)
                recipe = dataclasses.replace(recipe, optimizer=slower)
            fitted = recipe.train(
                self.split.train,
                seed=self.seed,
                wrap=rows.training_of(label, self.split.train)(strength),
                patience=PATIENCE,
                checkpoint=checkpoint,
                **how,
            )
            report = fitted.report
            clean = report.best
            if strength is not None:
                clean = self.validation.evaluate(fitted.model).metrics["ndcg@10"]
            summary = {"epochs": report.best_epoch, "validation": clean}
            summary |= {"seconds": report.seconds, "verdict": report.verdict}
            self.log(f"{label}, {strength}, seed {self.seed}: {summary}")
            return StageResult(summary, weights_of(fitted.model))

        stage = self.store.run(self._stage("train", label, strength), train)
        model = model_of(self.recipe, stage, self.split.train, seed=self.seed)
        return model, stage.summary

    def _stage(self, kind: str, label: str, strength: float | None, more: str = "") -> str:
        at = "" if strength is None else f"-{slug(f'{strength:g}')}"
        return f"{kind}-{slug(label)}{at}{more}-{self.seed}"

    def curves(self, label: str, answering: Answering, about: Mapping) -> dict:
        """Stored as a stage."""

        def measure(_):
            started = time.perf_counter()
            asked = answering
            if isinstance(answering.scorer, answers.COMPILED):
                scorer = answers.Compiled(answering.scorer)
                asked = dataclasses.replace(answering, scorer=scorer)
            found = pollution_curves(
                asked,
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
        name = self._stage("pollute", label, about.get("strength"), both)
        return self.store.run(name, measure).summary

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
        wrap = rows.training_of(label, data)(None)
        epochs = max(1, summary["epochs"])
        return self.recipe.train(data, seed=self.seed, wrap=wrap, epochs=epochs).model
