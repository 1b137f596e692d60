import json
import os
import types

import pytest

from advrec_tf._keras import keras
from advrec_tf.training.adversarial import AdversarialTraining
from experiments.speed import cells
from experiments.speed.cells import Cell
from tests.worlds import pairs_of


def test_generated_interactions_have_their_sizes_and_repeat_for_a_seed():
    first, same, other = (cells.generated_split(50, 40, 500, seed) for seed in (1, 1, 2))
    assert (first.train.num_items, first.train.num_users, len(first.train)) == (50, 40, 500)
    assert first.train.fingerprint() == same.train.fingerprint() != other.train.fingerprint()


def test_generated_items_are_skewed_as_stated():
    # item = n x^2 for a uniform x: below n / 4 where x < 1/2, so half of the interactions
    train = cells.generated_split(1000, 100, 40_000, 0).train
    assert (train.item_index < 250).mean() == pytest.approx(0.5, abs=0.02)


def test_no_generated_test_item_is_a_training_item_of_its_user():
    # 20 interactions a user on 10 items: most drawn test items are known, and left out
    split = cells.generated_split(10, 50, 1000, 0)
    drawn = pairs_of(split.test)
    assert 0 < len(drawn) < 50 and not set(drawn) & set(pairs_of(split.train))


def test_the_first_epoch_is_timed_apart_and_the_median_taken_of_the_others(tiny, monkeypatch):
    # epochs of 10, 1, 3 and 2 seconds: first 10, median of the others 2.
    # 100 positives / 16 = 7 steps, in blocks of about 3: 3 blocks of 3, 9 steps, 144 positives
    clock = iter([0, 10, 20, 21, 30, 33, 40, 42])
    monkeypatch.setattr(cells, "time", types.SimpleNamespace(perf_counter=clock.__next__))
    result = cells.measure(Cell(**{**tiny, "epochs": 4}, method="bpr+sgd", block_steps=3))
    assert result["first_epoch_seconds"] == 10
    assert result["epoch_seconds"] == 2
    assert result["steps_per_epoch"] == 9
    assert result["positives_per_second"] == pytest.approx(72)
    assert result["milliseconds_per_step"] == pytest.approx(2000 / 9)
    assert result["evaluated_users_per_second"] > 0
    assert result["peak_megabytes"] >= result["megabytes_before"] > 50
    assert (result["items"], result["users"], result["interactions"]) == (30, 20, 100)
    json.dumps(result)


def test_single_steps_are_as_many_as_batches_and_evaluation_can_be_left_out(tiny, monkeypatch):
    clock = iter([0, 10, 20, 27])
    monkeypatch.setattr(cells, "time", types.SimpleNamespace(perf_counter=clock.__next__))
    cell = Cell(**tiny, method="bpr+adagrad, single steps", block_steps=3, evaluated_users=0)
    result = cells.measure(cell)
    assert result["steps_per_epoch"] == 7
    assert result["milliseconds_per_step"] == 1000
    assert "evaluated_users_per_second" not in result


@pytest.mark.parametrize(
    ("method", "optimizer"),
    [("bpr+lazy_adam", "LazyAdam"), ("apr+adagrad", "Adagrad"), ("softmax512+adagrad", "Adagrad")],
)
def test_every_other_method_moves_all_its_weights_by_its_optimizer(
    method, optimizer, tiny, monkeypatch
):
    fit, seen = keras.Model.fit, {}

    def spy(model, *args, **kwargs):
        before = [weight.numpy() for weight in model.trainable_weights]
        fitted = fit(model, *args, **kwargs)
        after = [weight.numpy() for weight in model.trainable_weights]
        seen["moved"] = [bool((a != b).any()) for a, b in zip(before, after, strict=True)]
        seen["optimizer"] = type(model.optimizer).__name__
        seen["adversarial"] = isinstance(model, AdversarialTraining)
        return fitted

    monkeypatch.setattr(keras.Model, "fit", spy)
    cells.measure(Cell(**tiny, method=method, evaluated_users=0))
    assert len(seen["moved"]) >= 2 and all(seen["moved"])
    assert seen["optimizer"] == optimizer
    assert seen["adversarial"] == cells.METHODS[method].adversarial


@pytest.mark.slow
def test_a_cell_has_a_process_of_its_own(tiny):
    result = cells.measure_apart(Cell(**tiny, method="bpr+adagrad, single steps"))
    assert result["process_seconds"] > result["first_epoch_seconds"] + result["epoch_seconds"]
    assert 0 < result["peak_megabytes"] - result["megabytes_before"] < 500


class Death:
    """Ends the process in which it is unpickled."""

    def __reduce__(self):
        return os._exit, (1,)


def test_a_process_that_dies_is_told_from_one_that_measures(monkeypatch):
    monkeypatch.setattr(cells, "measure", Death())
    with pytest.raises(MemoryError, match="measured bpr.sgd with 1,000 items died"):
        cells.measure_apart(Cell(method="bpr+sgd"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "bpr"}, "`method` should be one of 'bpr.sgd', .* Received: 'bpr'"),
        ({"epochs": 1}, "`epochs` should be >= 2. Received: 1"),
        ({"items": 1}, "`items` should be >= 2. Received: 1"),
        ({"evaluated_users": -1}, "`evaluated_users` should be >= 0. Received: -1"),
        ({"interactions": 0}, "`interactions` should be >= 1. Received: 0"),
    ],
)
def test_a_cell_that_cannot_be_measured_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Cell(**{"method": "bpr+sgd", **settings})


def test_a_cell_that_dies_leaves_the_others_their_turn(measured):
    def measure(cell):
        if cell.items == 2000:
            raise MemoryError("It died.")
        return measured(cell.method, cell.items)

    lines = []
    asked = [Cell(method="bpr+sgd", items=items) for items in (1000, 2000, 3000)]
    found = cells.measure_all(asked, log=lines.append, measure=measure)
    assert [one.get("error") for one in found] == [None, "It died.", None]
    assert lines[0] == "bpr+sgd, 1,000 items: 512,000 positives/s"
    assert lines[1] == "bpr+sgd, 2,000 items: It died." and len(lines) == 3
