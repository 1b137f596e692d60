"""The study of one seed: networks are trained and their histories polluted.

Training on fake users is in `fake_users`, several seeds are in `repetitions`. Every training and
every measurement is a stage of a run that can be resumed.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from advrec_tf.data.next_item import queries_of
from advrec_tf.data.splits import Split
from advrec_tf.defence.sequential.transition_surprise import TransitionSurprise
from advrec_tf.evaluation.next_item import NextItemEvaluator
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.pipelines.attack.setting import choose_targets
from advrec_tf.pipelines.next_item_attack import defences
from advrec_tf.pipelines.next_item_attack.pollution import Answering, pollution_curves
from advrec_tf.pipelines.next_item_attack.promotion import Audience
from advrec_tf.pipelines.recommend.next_item import model_of, weights_of
from advrec_tf.pipelines.stages import StageResult, StageStore, slug
from advrec_tf.training import recipes
from advrec_tf.training.recipe import Recipe
from experiments.next_item_robustness import answers, rows
from experiments.next_item_robustness.rows import PLAIN
from experiments.next_item_robustness.tuning import Tuned, strongest

BUDGETS = (1, 2, 5, 10)
RANDOM = "random"
SEARCHES = (RANDOM, "greedy", "gradient")
SIZE = EncoderSize(length=50, dim=64, blocks=2, heads=2, dropout=0.3)
BATCH, EPOCHS, PATIENCE, EVERY = 64, 200, 3, 5
EPOCHS_AFTER, EVERY_AFTER, RATE_AFTER = 6, 2, 2e-4
"""Of a network that goes on from the plain one; its learning rate is a fifth of that before, as in
`recipes.apr`, since starting again at the whole rate costs more than the perturbation."""
DISTURBED = 0.1
"""Of the items of the histories that its epochs are chosen on."""
TARGETS = 3
"""Of the items that more than five users have and most have not; each has its fake users."""
EDITS_AGAIN = 5
"""Of the searches, random substitutions apart, where another seed has chosen the settings."""


@dataclasses.dataclass(frozen=True, eq=False)
class Robustness:
    """What is trained and measured for one seed.

    Args:
        split: of the last item.
        store: of the stages.
        seed: of weights, batches, draws and attacks.
        log: takes a line.
        size: of the networks.
        epochs: of a training from the start, at most.
        settings: label -> the setting that another seed chose; this one then takes it, and its
            searches make `EDITS_AGAIN` edits at most. None: settings are chosen here.
    """

    split: Split
    store: StageStore
    seed: int
    log: Callable[[str], None] = print
    size: EncoderSize = SIZE
    epochs: int = EPOCHS
    settings: Mapping[str, float] | None = None

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
                about = self.setting(label)
                answering, summary = self.answering(label, about.get("strength"))
                found[label] = summary | about
                if label not in priced:
                    found[label] |= self.curves(label, answering, about)
        return found

    def setting(self, label: str) -> dict:
        """`strength` of a row and, where it is chosen here, what was `tried`; empty without one."""
        if self.settings is not None:
            return {"strength": self.settings[label]} if label in self.settings else {}
        tuned = self.tuned(label)
        return {} if tuned is None else tuned.as_dict()

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
        network, at = self.plain, strength
        if label in answers.HARDENED:
            network = self.trained(rows.SUBSTITUTED, self.setting(rows.SUBSTITUTED)["strength"])[0]
        elif label == rows.BLENDED_HARDER:
            network = self.trained(rows.SUBSTITUTED, strength)[0]
            at = self.setting(rows.BLENDED_SUBSTITUTED)["strength"]
        scorer = answers.behind(label, network, at, self.detector)
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
        return self._polluted(label, about.get("strength"), answering).summary

    def of_users(
        self, label: str, strength: float | None = None
    ) -> dict[tuple[str, int], np.ndarray]:
        """(search, budget) -> [users] float64, NDCG@10 of a row that was attacked; nothing of one
        whose defence has a detector, since two attackers were measured there."""
        found = self._polluted(label, strength).arrays
        return {(search, int(n)): found[f"{search} {n}"] for search, n in map(str.split, found)}

    def _polluted(
        self, label: str, strength: float | None, answering: Answering | None = None
    ) -> StageResult:
        """The stage, made where `answering` is given."""
        both = "-two-attackers" if label == rows.PURIFIED else ""
        name = self._stage("pollute", label, strength, both)
        if answering is None:
            return self.store.result(name)
        return self.store.run(name, lambda _: self._pollute(label, answering))

    def _pollute(self, label: str, answering: Answering) -> StageResult:
        started = time.perf_counter()
        asked = answering
        if isinstance(answering.scorer, answers.COMPILED):
            asked = dataclasses.replace(answering, scorer=answers.Compiled(answering.scorer))
        curves, of_users = [], {}
        for search in SEARCHES:
            found = pollution_curves(
                asked,
                self.audience.histories,
                self.audience.next_items,
                searches=[search],
                budgets=self._budgets(search),
                seed=self.seed,
                of_users=True,
            )
            for curve in found:
                each = {point["budget"]: point.pop("ndcg_of_users") for point in curve["points"]}
                if answering.detector is None:
                    of_users |= {f"{search} {budget}": values for budget, values in each.items()}
            curves += found
        seconds = time.perf_counter() - started
        self.log(f"{label}, seed {self.seed}: attacked in {seconds:.0f} s")
        return StageResult({"curves": curves}, of_users)

    def _budgets(self, search: str) -> list[int]:
        again = self.settings is not None and search != RANDOM
        return [budget for budget in BUDGETS if not again or budget <= EDITS_AGAIN]
