"""The fraud scorer as a SavedModel."""

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.defence.item_statistics import item_statistics
from advrec_tf.defence.online import OnlineScorer
from advrec_tf.serving import folder, saved_model
from advrec_tf.serving.fraud import ServedFraudScorer, profile_inputs
from advrec_tf.serving.module import ExportCheckError
from tests import malformed
from tests.worlds import tiny_world

ensemble = pytest.importorskip("sklearn.ensemble")

NAMES = ("length", "popularity", "mud", "rdma")


def scorer_of(data, seed):
    """A forest of five trees on invented features."""
    rng = np.random.default_rng(seed)
    forest = ensemble.RandomForestClassifier(5, random_state=seed)
    forest.fit(rng.normal(2, 2, (60, len(NAMES))), rng.random(60) < 0.5)
    return OnlineScorer(data.items, item_statistics(data), NAMES, forest)


@pytest.fixture(scope="module")
def data():
    return tiny_world(12, 9)


@pytest.fixture(scope="module")
def profiles(data):
    found = []
    for user in range(6):
        own = np.flatnonzero(data.user_index == user)
        ids = [str(i) for i in data.items.ids[data.item_index[own]]]
        found.append((ids, data.rating[own].tolist()))
    return [profile for profile in found if profile[0]] + [(["no such item"], [4.0])]


@pytest.fixture(scope="module")
def served(data, profiles):
    return ServedFraudScorer(scorer_of(data, 0), profiles, threshold=0.5)


@pytest.fixture(scope="module")
def path(served, tmp_path_factory):
    directory = tmp_path_factory.mktemp("exports") / "fraud"
    return saved_model.export(served, directory, metadata={"run": 1})


def test_the_export_answers_as_in_memory_and_says_what_it_is(path, profiles):
    notes = folder.read_metadata(path)
    assert notes["features"] == list(NAMES) and notes["threshold"] == 0.5
    assert notes["batches"] is False and not (path / folder.WARMUP).exists()
    assert notes["check"]["answers"] == len(profiles) + 1
    assert "must not join requests" in (path / folder.MODEL_CARD).read_text()


def test_an_export_of_another_forest_is_found_out(path, data, profiles):
    other = ServedFraudScorer(scorer_of(data, 1), profiles, threshold=0.5)
    with pytest.raises(ExportCheckError, match="all profiles.*`suspicion`"):
        saved_model.check(path, other.cases())


def test_profiles_that_are_not_numbered_from_zero_are_refused(served):
    call = served.signatures()["serving_default"]
    inputs = profile_inputs([(["1", "2"], [4.0, 5.0])])
    for numbers in ([0, 2], [-1, 0], [1, 1], [0, 2**31 - 1]):
        given = {**inputs, "profile": numbers}
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"0\.\.n-1, each used"):
            call(**{name: tf.constant(value) for name, value in given.items()})


@pytest.mark.slow
def test_the_process_outlives_all_malformed_requests(path):
    answer = malformed.ask(path)
    assert answer["other"] == [] and sum(answer["signatures"].values()) >= 80
