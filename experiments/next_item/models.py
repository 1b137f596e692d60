"""The trained rows of the tables: next-item models, and the adversary beside noise of its size.

Epochs are chosen on validation by the metric of the protocol. Where closed forms are fitted on all
that precedes the test part, a model is trained again on that, for as many epochs. A row that builds
on another takes its model where one run trains both.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Mapping

from advrec_tf.models.blend import HistoryBlend
from advrec_tf.models.factorization import negatives
from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.objectives import BinaryCrossEntropy, FullSoftmax
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.perturbations import Perturbation, fgsm
from advrec_tf.training import recipes
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.recipe import Recipe
from experiments.harness.entries import Entry, Task, Trained

SHORT = EncoderSize(length=50, dim=64, blocks=2, heads=2, dropout=0.5)
"""Of histories as shops have them."""

LONG = EncoderSize(length=200, dim=64, blocks=2, heads=2, dropout=0.2)
"""Of long histories, as of films."""

EPOCHS, PATIENCE, EVERY = 300, 4, 5
"""At most so many epochs; evaluations without a better one; epochs from one to the next."""

RADIUS = 0.1

FULL = FullSoftmax(cells=2**24)
MANY = SampledSoftmax(candidates=512)
MORE = SampledSoftmax(candidates=2048)
MIXED = SampledSoftmax(negatives.Mixed(), candidates=512)
ADAM = recipes.adam
"""Moves every row at every step, where `LazyAdam` moves those of the candidates alone."""
CALIBRATED = BinaryCrossEntropy(negatives=256, calibrated=0.75)


WEIGHTS = (0.02, 0.05, 0.1, 0.2)
"""Of the transition counts beside a network, of which validation chooses."""

SPACE = {
    "popularity": (0.5, 0.25, 0.0),
    "window": (3, 10),
    "symmetric": (False, True),
}
"""Settings of `Transitions` that validation chooses from; the first are the published ones."""


def models(size: EncoderSize) -> Mapping[str, Entry]:
    """Label -> entry, each with the encoder of this size."""
    full = "SASRec, full softmax"
    attacked = f"{full}, FGSM on items and places"
    noise = f"{full}, noise on items and places"

    def network(model, objective=FULL, perturbation=None, **settings):
        return _network(model, size, objective, perturbation, **settings)

    plain, sampled = network("sasrec"), network("sasrec", MANY)
    many = "SASRec, sampled softmax"
    return {
        "SASRec, 1 negative": _row(network("sasrec", BinaryCrossEntropy())),
        "gSASRec, 256 negatives": _row(network("sasrec", CALIBRATED)),
        many: _row(sampled),
        f"{many}, with transitions": _blend(sampled, ablation=many),
        f"{many} of 2,048": _row(network("sasrec", MORE), ablation=many),
        f"{many} and the batch": _row(network("sasrec", MIXED), ablation=many),
        f"{many}, dense Adam": _row(network("sasrec", MANY, optimizer=ADAM), ablation=many),
        f"{many} and the batch, dense Adam": _row(
            network("sasrec", MIXED, optimizer=ADAM), ablation=many
        ),
        full: _row(plain),
        f"{full}, warm start": _row(network("sasrec", warm_start=True), ablation=full),
        noise: _row(network("sasrec", FULL, _radius("random")), ablation=full),
        attacked: _row(network("sasrec", FULL, _radius("gradient")), ablation=full, control=noise),
        f"{full}, with transitions": _blend(plain, ablation=full),
        "BERT4Rec, full softmax": _row(network("bert4rec")),
        "GRU4Rec, full softmax": _row(network("gru4rec")),
        "FMLP, full softmax": _row(network("fmlp", batch_size=256)),
        "BSARec, full softmax": _row(network("bsarec", batch_size=256)),
        "HSTU, full softmax": _row(network("hstu")),
    }


def _radius(direction: str) -> Perturbation:
    return fgsm(RADIUS, relative=True, direction=direction)


@dataclasses.dataclass(frozen=True, eq=False)
class _Network:
    """How a network is trained.

    Attributes:
        recipe: a recipe of `recipes.next_item`.
        perturbation: of items and places in training; None without.
    """

    recipe: Recipe
    perturbation: Perturbation | None = None

    def chosen(self, task: Task) -> Trained:
        """Trained without validation, its epochs chosen on it; once for the rows that share it."""
        return task.shared((self, "chosen"), lambda: self._train(task))

    def _train(self, task: Task) -> Trained:
        found = self.recipe.train(
            task.interactions,
            evaluator=task.setting.early_stopping,
            monitor=task.setting.monitor,
            patience=PATIENCE,
            every=EVERY,
            callbacks=task.callbacks,
            label=task.label,
            log=task.log,
            **self._how(task),
        )
        report = found.report
        return Trained(found.model, report.best_epoch, report.best, report.seconds)

    def for_test(self, task: Task) -> Trained:
        """What stands in the table: where more than `chosen` saw precedes the test part, trained
        again on all that does; once for the rows that share it."""
        return task.shared((self, "test"), lambda: self._train_for_test(task))

    def _train_for_test(self, task: Task) -> Trained:
        first = self.chosen(task)
        if task.setting.fitted is task.interactions:
            return first
        again = self.recipe.train(task.setting.fitted, epochs=first.epochs, **self._how(task))
        seconds = first.seconds + again.report.seconds
        return Trained(again.model, first.epochs, first.validation, seconds)

    def _how(self, task: Task) -> dict:
        def wrap(network):
            layers = ["item_rows", "positions"]
            return AdversarialTraining(network, self.perturbation, layers=layers, fraction=0.2)

        return {"seed": task.seed, "wrap": None if self.perturbation is None else wrap}


def _network(
    model,
    size,
    objective,
    perturbation=None,
    *,
    batch_size=128,
    warm_start=False,
    optimizer=recipes.lazy_adam,
):
    recipe = recipes.next_item(
        model,
        size=size,
        objective=objective,
        warm_start=warm_start,
        batch_size=batch_size,
        epochs=EPOCHS,
        optimizer=optimizer,
    )
    return _Network(recipe, perturbation)


def _row(network: _Network, **relations) -> Entry:
    return Entry(train=network.for_test, **relations)


def _blend(network: _Network, **relations) -> Entry:
    """With the transition counts beside it, their settings and weight chosen on validation."""

    def train(task: Task) -> Trained:
        started = time.perf_counter()
        evaluator, monitor = task.setting.early_stopping, task.setting.monitor

        def measured(model) -> float:
            return evaluator.evaluate(model).metrics[monitor]

        def counts(point, interactions):
            return Transitions(**dict(zip(SPACE, point, strict=True))).fit(interactions)

        def blended(model, counted, weight):
            return HistoryBlend([model, counted], [1.0, weight], repeats=task.setting.repeats)

        points = list(itertools.product(*SPACE.values()))
        best = max(points, key=lambda point: measured(counts(point, task.interactions)))
        first, counted = network.chosen(task), counts(best, task.interactions)
        found = {w: measured(blended(first.model, counted, w)) for w in WEIGHTS}
        weight = max(found, key=found.get)
        choosing = time.perf_counter() - started
        trained = network.for_test(task)
        model = blended(trained.model, counts(best, task.setting.fitted), weight)
        task.log(f"{task.label}: transitions {best} with weight {weight:g}")
        return Trained(model, trained.epochs, found[weight], trained.seconds + choosing)

    return Entry(train=train, **relations)
