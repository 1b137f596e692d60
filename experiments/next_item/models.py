"""The trained rows of the tables: next-item models, and the adversary beside noise of its size.

Epochs are chosen on validation by the metric of the protocol. Where closed forms are fitted on all
that precedes the test part, a model is trained again on that, for as many epochs.
"""

from __future__ import annotations

from collections.abc import Mapping

from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.objectives import BinaryCrossEntropy, FullSoftmax
from advrec_tf.perturbations import Perturbation, fgsm
from advrec_tf.training import recipes
from advrec_tf.training.adversarial import AdversarialTraining
from experiments.harness.entries import Entry, Task, Trained

SHORT = EncoderSize(length=50, dim=64, blocks=2, heads=2, dropout=0.5)
"""Of histories as shops have them."""

LONG = EncoderSize(length=200, dim=64, blocks=2, heads=2, dropout=0.2)
"""Of long histories, as of films."""

EPOCHS, PATIENCE, EVERY = 300, 6, 5
"""At most so many epochs; evaluations without a better one; epochs from one to the next."""

RADIUS = 0.1

FULL = FullSoftmax(cells=2**24)
MANY = SampledSoftmax(candidates=512)
CALIBRATED = BinaryCrossEntropy(negatives=256, calibrated=0.75)


def models(size: EncoderSize) -> Mapping[str, Entry]:
    """Label -> entry, each with the encoder of this size."""
    full = "SASRec, full softmax"
    attacked = f"{full}, FGSM on items and places"
    noise = f"{full}, noise on items and places"
    return {
        "SASRec, 1 negative": _row("sasrec", size, BinaryCrossEntropy()),
        "gSASRec, 256 negatives": _row("sasrec", size, CALIBRATED),
        "SASRec, sampled softmax": _row("sasrec", size, MANY),
        full: _row("sasrec", size, FULL),
        noise: _row("sasrec", size, FULL, _radius("random"), ablation=full),
        attacked: _row("sasrec", size, FULL, _radius("gradient"), ablation=full, control=noise),
        "BERT4Rec, full softmax": _row("bert4rec", size, FULL),
        "GRU4Rec, full softmax": _row("gru4rec", size, FULL),
        "FMLP, full softmax": _row("fmlp", size, FULL, batch_size=256),
        "BSARec, full softmax": _row("bsarec", size, FULL, batch_size=256),
        "HSTU, full softmax": _row("hstu", size, FULL),
    }


def _radius(direction: str) -> Perturbation:
    return fgsm(RADIUS, relative=True, direction=direction)


def _row(model, size, objective, perturbation=None, *, batch_size=128, **relations) -> Entry:
    recipe = recipes.next_item(
        model, size=size, objective=objective, batch_size=batch_size, epochs=EPOCHS
    )

    def wrap(network):
        return AdversarialTraining(
            network, perturbation, layers=["item_rows", "positions"], fraction=0.2
        )

    def train(task: Task) -> Trained:
        how = {"seed": task.seed, "wrap": None if perturbation is None else wrap}
        found = recipe.train(
            task.interactions,
            evaluator=task.setting.early_stopping,
            monitor=task.setting.monitor,
            patience=PATIENCE,
            every=EVERY,
            callbacks=task.callbacks,
            label=task.label,
            log=task.log,
            **how,
        )
        report = found.report
        model, seconds = found.model, report.seconds
        if task.setting.fitted is not task.interactions:
            again = recipe.train(task.setting.fitted, epochs=report.best_epoch, **how)
            model, seconds = again.model, seconds + again.report.seconds
        return Trained(model, report.best_epoch, report.best, seconds)

    return Entry(train=train, **relations)
