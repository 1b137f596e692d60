import logging
import math

import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial_term import AdversarialTerm
from advrec_tf.training.callbacks import (
    AdversarialReport,
    NonFiniteGuard,
    ProgressLine,
    RadiusCheck,
)
from tests.training.counter import Counter


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_guard_stops_at_a_loss_that_is_not_finite(value):
    guard = NonFiniteGuard()
    guard.set_model(Counter())
    guard.on_train_begin()
    guard.on_epoch_begin(2)
    guard.on_train_batch_end(0, {"loss": 1.0})
    with pytest.raises(FloatingPointError, match="counter: `loss` became .* by step 2 of epoch 3"):
        guard.on_train_batch_end(1, {"loss": value})


def test_the_guard_asks_a_model_that_knows_for_the_exact_step():
    model = Counter()
    model.non_finite_step = {"d_loss": tf.Variable(-1), "g_loss": tf.Variable(17)}
    guard = NonFiniteGuard()
    guard.set_model(model)
    guard.on_train_begin()
    with pytest.raises(FloatingPointError, match="`g_loss` became .* at step 17 .epoch 1."):
        guard.on_train_batch_end(40, {"g_loss": math.nan})


class Later(tf.distribute.coordinator.RemoteValue):
    """The logs of a step that a worker has yet to take."""


def test_the_guard_looks_at_the_end_of_an_epoch_where_workers_train_without_waiting():
    guard = NonFiniteGuard()
    guard.set_model(Counter())
    guard.set_params({"steps": 3})
    guard.on_train_begin()
    guard.on_epoch_begin(1)
    guard.on_train_batch_end(0, {"loss": 1.0})
    guard.on_epoch_end(1, {"val_loss": math.nan})  # not a loss of the training
    guard.on_train_batch_end(2, Later())
    with pytest.raises(FloatingPointError, match="`loss` became nan by step 3 of epoch 2"):
        guard.on_epoch_end(1, {"loss": math.nan})


def test_a_line_an_epoch_tells_losses_validation_and_time():
    lines = []
    progress = ProgressLine("two-tower", 12, lines.append)
    progress.on_epoch_begin(2)
    logs = {"loss": 1.23456, "total_loss": 9.0, "regularization_loss": 9.0, "val_ndcg@10": 0.5}
    progress.on_epoch_end(2, {**logs, "val_mrr": 0.7, "d_accuracy": 0.25})
    (line,) = lines
    assert line.split()[:3] == ["two-tower", "epoch", "3/12"]
    assert "loss 1.2346" in line and "ndcg@10 0.5000" in line and "d_accuracy 0.2500" in line
    assert "9.0" not in line and "mrr" not in line and line.endswith(" s")


class Perturbed(Counter):
    def __init__(self, radius, norm):
        super().__init__()
        self.sizes = radius, norm

        self.term = AdversarialTerm(perturbation=fgsm(0.1))
        self.optimizer = keras.optimizers.SGD()

    def radius_and_norm(self):
        return self.sizes


def test_a_line_an_epoch_tells_what_the_adversary_does():
    lines, logs = [], {"clean_loss": 0.5, "adversarial_loss": 0.75}
    report = AdversarialReport(lines.append)
    report.set_model(Perturbed(0.1, 2.0))
    report.on_epoch_end(2, logs)
    assert lines == [
        "Epoch 3: the clean loss is 0.5000 and the adversarial loss 0.7500. "
        "Perturbations of radius 0.1 meet vectors of mean norm 2."
    ]
    assert (logs["radius"], logs["value_norm"]) == (0.1, 2.0)


@pytest.mark.parametrize(("radius", "warnings"), [(0.25, 1), (0.05, 0)])
def test_a_radius_above_the_mean_norm_is_warned_of_once(caplog, radius, warnings):
    check = RadiusCheck()
    check.set_model(Perturbed(radius, 0.08))
    with caplog.at_level(logging.WARNING):
        for batch in range(3):
            check.on_train_batch_end(batch)
    assert len(caplog.records) == warnings
    assert all("radius 0.25 exceeds the mean norm 0.08" in r.getMessage() for r in caplog.records)


def test_a_radius_is_judged_once_a_step_was_taken(caplog):
    check = RadiusCheck()
    check.set_model(Perturbed(0.0, 0.0))
    with caplog.at_level(logging.WARNING):
        check.on_train_batch_end(0)
        check.model.sizes = 0.25, 0.08
        check.on_train_batch_end(1)
    assert "radius 0.25 exceeds the mean norm 0.08" in caplog.text
