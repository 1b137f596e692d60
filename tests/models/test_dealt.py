"""What `fit` is given where workers train; that they do is in `tests/training/test_servers.py`."""

import types

import pytest
import tensorflow as tf

from advrec_tf.models import dealt


def model_of(**more):
    steps = tf.Variable(8, dtype=tf.int64)
    strategy = types.SimpleNamespace(extended=types.SimpleNamespace(_num_workers=2))
    given = {"jit_compile": False, "steps_per_execution": steps, "distribute_strategy": strategy}
    return types.SimpleNamespace(**{**given, **more})


@pytest.fixture
def with_workers(monkeypatch):
    monkeypatch.setattr(dealt, "is_asynchronous", lambda strategy: True)
    monkeypatch.setattr(dealt, "Dealer", lambda model, data: data)


def test_without_workers_nothing_is_changed():
    arguments = {"x": tf.data.Dataset.range(3)}
    given = dict(arguments)
    strategy = tf.distribute.get_strategy()
    with dealt.dealing(types.SimpleNamespace(distribute_strategy=strategy), arguments):
        assert arguments == given


def test_the_chief_deals_a_dataset_and_each_worker_has_its_turns(with_workers):
    model = model_of()
    arguments = {"x": tf.data.Dataset.range(3), "steps_per_epoch": None}
    with dealt.dealing(model, arguments):
        assert arguments["steps_per_epoch"] == 3
        assert arguments["x"].cardinality() == tf.data.INFINITE_CARDINALITY
        numbers = model.train_function.take(5)  # epoch after epoch
        assert [int(number) for number in numbers] == [0, 1, 2, 0, 1]
        assert model.steps_per_execution.numpy() == 1  # 3 steps are no 4 turns of 8 for two
    assert model.train_function is None and model.steps_per_execution.numpy() == 8
    for steps, at_once in ((40, 5), (64, 8), (800, 8)):
        with dealt.dealing(model, {"x": tf.data.Dataset.range(3), "steps_per_epoch": steps}):
            assert model.steps_per_execution.numpy() == at_once


def test_what_cannot_be_dealt_is_refused(with_workers):
    with pytest.raises(ValueError, match="`jit_compile` should be False under"):
        with dealt.dealing(model_of(jit_compile=True), {"x": None}):
            pass
    endless = tf.data.Dataset.range(3).repeat()
    with pytest.raises(ValueError, match="`steps_per_epoch` should be given under"):
        with dealt.dealing(model_of(), {"x": endless}):
            pass


def test_a_lost_server_is_told_of(with_workers):
    lost = tf.errors.UnavailableError(None, None, "the target /job:ps/task:0 is lost\nmore")
    for data in (None, tf.data.Dataset.range(3)):
        with pytest.raises(
            ConnectionError, match=r"the loss of one \(.*task:0 is lost\). Start all"
        ):
            with dealt.dealing(model_of(), {"x": data}):
                raise lost
