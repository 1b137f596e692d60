"""What a setting measures; the world of `toy` has four users and four items."""

import dataclasses

import numpy as np
import pytest

from experiments.harness.entries import Task
from tests.experiments.harness.toy import make_setting, ranking_first


def test_groups_and_users_are_reported_for_every_test():
    setting = make_setting()
    result = setting.measure(ranking_first(Task(setting=setting), 2))
    assert result.metrics == {
        "validation": {"ndcg@1": 0.0},
        "next": {"ndcg@1": 1.0, "users": 4, "first two": 1.0},
    }
    np.testing.assert_array_equal(result.per_user["next"], np.ones(4))


def test_a_test_with_candidates_ranks_those_items_alone():
    setting = make_setting()
    model = ranking_first(Task(setting=setting), 3)
    assert setting.measure(model).metrics["next"]["ndcg@1"] == 0.0
    among = dataclasses.replace(setting, candidates={"next": np.array([2])})
    assert among.measure(model).metrics["next"]["ndcg@1"] == 1.0


def test_validation_stops_training_unless_another_evaluator_is_given():
    setting = make_setting()
    assert setting.early_stopping is setting.validation
    test = setting.tests["next"]
    assert dataclasses.replace(setting, early_stopping=test).early_stopping is test


def test_the_best_model_is_the_one_that_validation_prefers():
    setting = make_setting()
    models = [ranking_first(Task(setting=setting), item) for item in (2, 1, 3)]
    assert setting.best(models) is models[1]
    assert setting.validate(models[1]) == pytest.approx(1.0)


def test_users_who_were_not_evaluated_are_nan():
    setting = make_setting()
    result = setting.tests["next"].evaluate(ranking_first(Task(setting=setting), 2))
    some = dataclasses.replace(result, users=np.array([1, 3]))
    np.testing.assert_array_equal(
        setting.by_user(some, np.array([0.5, 0.25])), [np.nan, 0.5, np.nan, 0.25]
    )
