import numpy as np

from experiments.harness.results import Result


def test_a_result_survives_being_stored_as_a_stage():
    result = Result({"test": {"ndcg": 0.5}}, {"test": np.array([0.5])}, 2.0, {"epochs": 3})
    again = Result.from_stage(result.to_stage())
    assert (again.metrics, again.seconds, again.details) == (
        {"test": {"ndcg": 0.5}},
        2.0,
        {"epochs": 3},
    )
    np.testing.assert_array_equal(again.per_user["test"], [0.5])
