import numpy as np
import pytest

from experiments.augmentation import training


@pytest.mark.slow
def test_a_factorization_trained_anew_is_as_if_there_had_been_none_before(make_task):
    shared = make_task("tail")
    fresh = training.factorize(make_task("tail")).user_vectors
    weights = np.arange(len(shared.interactions)) % 2
    other = training.factorize(shared, sample_weight=weights).user_vectors
    again = training.factorize(shared).user_vectors
    np.testing.assert_array_equal(again, fresh)
    assert np.abs(other - fresh).max() > 1e-3


def test_without_generated_interactions_an_entry_is_the_plain_factorization(make_task, trained_on):
    task = make_task("tail")
    nothing = np.zeros(0, np.int32), np.zeros(0, np.int32)
    assert training.augmented(task, nothing) is training.no_augmentation(task)


def test_ease_takes_the_l2_that_stops_training_best(make_task):
    task = make_task("tail")
    values = {
        l2: task.setting.validate(training.EASE(l2).fit(task.interactions))
        for l2 in training.EASE_L2
    }
    assert training.ease(task).l2 == max(values, key=values.get)
