import types

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.ops.stored import DamagedFileError
from advrec_tf.training import checkpoint
from advrec_tf.training.checkpoint import TrainingCheckpoint
from advrec_tf.training.early_stop import RankingValidation
from tests.worlds import interactions_of


class Scripted:
    """An evaluator whose metric follows a list, call by call."""

    def __init__(self, *values):
        self.values = list(values)

    def evaluate(self, model):
        return types.SimpleNamespace(metrics={"ndcg@10": self.values.pop(0), "mrr": 0.5})


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
    (tmp_path / ".c.unfinished-1.npz").write_bytes(b"half a fi")
    model = dense()
    made = saver(tmp_path / "c.npz", model)
    assert made.restore(model) == 0
    made.on_epoch_end(0, {})
    assert TrainingCheckpoint(tmp_path / "c.npz").restore(dense()) == 1


def test_a_kill_while_writing_leaves_the_previous_file(tmp_path, monkeypatch):
    model = dense()
    made = saver(tmp_path / "c.npz", model, every_seconds=0)
    made.on_epoch_end(0, {})

    def killed(file, **arrays):
        file.write(b"half a fi")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.np, "savez", killed)
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


def factorization(*, users="abc", pairs=((0, 0), (1, 1), (2, 2))):
    data = interactions_of(pairs, users=list(users), num_items=3)
    model = MatrixFactorization(data, dim=2)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    return model


def test_a_checkpoint_of_other_ids_or_other_interactions_is_refused(tmp_path):
    path = tmp_path / "c.npz"
    saver(path, factorization()).write()
    assert TrainingCheckpoint(path).restore(factorization()) == 0
    with pytest.raises(ValueError, match=r"c\.npz.*row 0 is of 'a' there and of 'b' here"):
        TrainingCheckpoint(path).restore(factorization(users="bac"))
    with pytest.raises(ValueError, match=r"c\.npz.*other interactions of the same users"):
        TrainingCheckpoint(path).restore(factorization(pairs=((0, 0), (1, 1), (2, 1))))


@pytest.mark.parametrize("cut", [0, 1, 300])
def test_a_damaged_checkpoint_is_named_with_its_cure(tmp_path, cut):
    path = tmp_path / "c.npz"
    saver(path, dense()).write()
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DamagedFileError, match=r"c\.npz.*Remove it: the training then starts"):
        TrainingCheckpoint(path).restore(dense())
    np.savez(path, other=np.ones(3))
    with pytest.raises(DamagedFileError, match="it is no checkpoint"):
        TrainingCheckpoint(path).restore(dense())
