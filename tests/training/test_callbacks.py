import math
import types

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.training import callbacks
from advrec_tf.training.callbacks import (
    NonFiniteGuard,
    ProgressLine,
    RankingValidation,
    TrainingCheckpoint,
)


class Scripted:
    """An evaluator whose metric follows a list, call by call."""

    def __init__(self, *values):
        self.values = list(values)

    def evaluate(self, model):
        return types.SimpleNamespace(metrics={"ndcg@10": self.values.pop(0), "mrr": 0.5})


class Counter:
    """A model whose only weight is the number of the epoch."""

    name = "counter"

    def __init__(self):
        self.weight = 0
        self.stop_training = False

    def get_weights(self):
        return [np.array(self.weight)]

    def set_weights(self, weights):
        self.weight = int(weights[0])


def run(validation, epochs, first=0):
    """Epochs until the validation stops the model; (model, epochs run, logs)."""
    model, logs = Counter(), []
    validation.set_model(model)
    for epoch in range(first, epochs):
        model.weight = epoch + 1
        logs.append({"loss": 1.0})
        validation.on_epoch_end(epoch, logs[-1])
        if model.stop_training:
            break
    return model, epoch + 1, logs


def test_training_stops_after_patience_and_the_best_epoch_comes_back():
    # best at epoch 2; 3 and 4 are no better (a tie is not)
    validation = RankingValidation(Scripted(0.1, 0.3, 0.2, 0.3, 0.9), patience=2)
    model, epochs, _ = run(validation, epochs=5)
    assert epochs == 4 and model.weight == 4
    validation.restore_best()
    assert model.weight == 2
    assert (validation.best, validation.best_epoch) == (0.3, 2)


def test_a_better_epoch_renews_the_patience():
    validation = RankingValidation(Scripted(0.1, 0.0, 0.2, 0.0, 0.3, 0.0), patience=2)
    assert run(validation, epochs=6)[1] == 6 and validation.best_epoch == 5


def test_validation_every_so_many_epochs_counts_its_patience_in_them():
    # evaluated after 2, 4, 6: no better at 4 and 6
    validation = RankingValidation(Scripted(0.3, 0.2, 0.2, 0.9), patience=2, every=2)
    _, epochs, logs = run(validation, epochs=8)
    assert epochs == 6 and validation.best_epoch == 2
    assert ["val_ndcg@10" in log for log in logs] == [False, True] * 3


def test_the_metrics_join_the_logs_of_the_epoch():
    _, _, logs = run(RankingValidation(Scripted(0.25)), epochs=1)
    assert logs == [{"loss": 1.0, "val_ndcg@10": 0.25, "val_mrr": 0.5}]


def test_an_unknown_metric_to_monitor_is_refused_with_those_there_are():
    validation = RankingValidation(Scripted(0.1), monitor="auc")
    with pytest.raises(ValueError, match=r"`monitor` should be one of .'mrr', 'ndcg@10'.*'auc'"):
        run(validation, epochs=1)


def test_nothing_is_restored_before_the_first_validation():
    validation = RankingValidation(Scripted(), every=5)
    model, _, _ = run(validation, epochs=1)
    validation.restore_best()
    assert model.weight == 1


def dense(units=1, rate=0.1):
    """y = w x, w = 1, under Adam, built."""
    model = keras.Sequential([keras.layers.Dense(units, use_bias=False)])
    model.build([None, 1])
    model.set_weights([np.ones((1, units), np.float32)])
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse")
    return model


def step(model):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(tf.ones([2, 1]))))
    variables = model.trainable_variables
    model.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


def saver(path, model, **settings):
    made = TrainingCheckpoint(path, **settings)
    made.set_model(model)
    return made


def test_a_checkpoint_brings_back_weights_moments_and_history(tmp_path):
    model = dense()
    step(model), step(model)
    made = saver(tmp_path / "deep" / "c.npz", model)
    made.on_epoch_end(0, {"loss": 3.0})
    made.on_epoch_end(1, {"loss": np.float32(2.5)})
    made.on_train_end()

    other = dense()
    again = saver(tmp_path / "deep" / "c.npz", other)
    assert again.restore(other) == 2 and again.epochs_done == 2
    assert again.history == {"loss": [3.0, 2.5]}
    step(model), step(other)  # the same moments, so the same next step
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_a_checkpoint_brings_back_the_state_of_the_validation(tmp_path):
    model = dense()
    validation = RankingValidation(Scripted(0.3, 0.2), patience=7)
    validation.set_model(model)
    validation.on_epoch_end(0)
    step(model)
    validation.on_epoch_end(1)
    saver(tmp_path / "c.npz", model, validation=validation).write()

    other, fresh = dense(), RankingValidation(Scripted(), patience=7)
    fresh.set_model(other)
    TrainingCheckpoint(tmp_path / "c.npz", validation=fresh).restore(other)
    assert (fresh.best, fresh.best_epoch) == (0.3, 1)
    assert other.get_weights()[0].item() != 1.0
    fresh.restore_best()
    assert other.get_weights()[0].item() == 1.0


def test_without_a_file_there_is_nothing_to_restore(tmp_path):
    model = dense()
    assert TrainingCheckpoint(tmp_path / "c.npz").restore(model) == 0
    assert model.get_weights()[0].item() == 1.0


def test_a_checkpoint_of_another_shape_is_refused(tmp_path):
    saver(tmp_path / "c.npz", dense(units=1)).write()
    with pytest.raises(ValueError, match=r"c\.npz should hold 4 variables.*other settings"):
        TrainingCheckpoint(tmp_path / "c.npz").restore(dense(units=2))


def test_a_partial_file_left_behind_is_harmless(tmp_path):
    (tmp_path / "c.partial").write_bytes(b"half a fi")
    model = dense()
    made = saver(tmp_path / "c.npz", model)
    assert made.restore(model) == 0
    made.on_epoch_end(0, {})
    assert TrainingCheckpoint(tmp_path / "c.npz").restore(dense()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["c.npz"]


def test_a_kill_while_writing_leaves_the_previous_file(tmp_path, monkeypatch):
    model = dense()
    made = saver(tmp_path / "c.npz", model, every_seconds=0)
    made.on_epoch_end(0, {})

    def killed(file, **arrays):
        file.write(b"half a fi")
        raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        made.on_epoch_end(1, {})
    assert TrainingCheckpoint(tmp_path / "c.npz").restore(dense()) == 1


def test_a_checkpoint_is_written_no_more_often_than_asked_but_always_at_the_end(tmp_path):
    model = dense()
    made = saver(tmp_path / "c.npz", model, every_seconds=1e6)
    done = []
    for epoch in range(3):
        made.on_epoch_end(epoch, {})
        done.append(TrainingCheckpoint(tmp_path / "c.npz").restore(dense()))
    assert done == [1, 1, 1]
    made.on_train_end()
    assert TrainingCheckpoint(tmp_path / "c.npz").restore(dense()) == 3


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
