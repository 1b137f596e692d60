"""Lists and ratings from one export."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import advrec_tf as ar
from tests.worlds import interactions_of

DATA = interactions_of(
    [(0, 0), (0, 1), (1, 2), (2, 3)],
    3,
    5,
    rating=[1, 2, 4, 5],
    context=pd.DataFrame({"device": ["tv", "phone", "tv", "tv"]}),
    user_features=pd.DataFrame({"age": [20.0, 30.0, 40.0]}),
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = ar.models.multi_task_tower(DATA, embedding_dim=3, hidden=(4,))
    path = ar.serving.export(
        ar.AdversarialTraining(model, ar.fgsm(0.1, relative=True)),
        tmp_path_factory.mktemp("multi") / "mine",
        k=2,
        max_k=4,
    )
    return model, ar.serving.SavedModelClient(path)


def test_lists_and_ratings_are_those_of_the_model_in_memory(exported):
    model, client = exported
    served = client.recommend([1], k=4)["item_id"].tolist()
    assert served == [str(i) for i in model.recommend([1], k=4)["item_id"]]
    asked = {"user_id": ["1", "1"], "item_id": ["0", "4"], "device": ["tv", "phone"]}
    expected = model.predict_pairs(
        np.array([1, 1]), np.array([0, 4]), pd.DataFrame({"device": ["tv", "phone"]})
    )
    np.testing.assert_allclose(client.predict("rate", asked)["score"], expected, rtol=1e-4)
    devices = {"device": ["tv", "phone"]}
    np.testing.assert_allclose(client.rate([1, 1], [0, 4], devices)["score"], expected, rtol=1e-4)
    ranked = client.rank([1], [[0, 4]], {"device": ["tv"]})
    assert ranked["rank"].tolist() == [1, 2] and ranked["score"].is_monotonic_decreasing
    scored = client.score([1], [[0, 4]])  # of the lists, not of the head of ratings
    right = np.asarray(model.score(tf.constant([1])))[0, [0, 4]]
    np.testing.assert_allclose(scored["score"], right, rtol=1e-4)


def test_it_has_the_signatures_of_both_tasks(exported):
    _, client = exported
    assert set(client.metadata["signatures"]) == {
        *("serving_default", "recommend", "recommend_from_history", "recommend_from_features"),
        *("recommend_from_history_restricted", "score_from_history"),
        *("score", "recommend_index", "rank", "rate"),
    }
    assert client.metadata["kind"] == "vectors, ranking by ratings"
    checked = client.metadata["check"]
    assert {"rate", "recommend"} <= set(checked["latency_us"])
    assert not client.recommend_from_features({"age": [25], "device": ["tv"]}).empty


def test_ratings_alone_change_no_signature_of_a_ranking_tower():
    plain = dataclasses.replace(DATA, context=None)
    tower = ar.models.ranking_tower(plain, objective="ratings", embedding_dim=2)
    assert "rate" not in ar.serving.served_form(tower, k=2, max_k=4).inputs()
