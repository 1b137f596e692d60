import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf.serving import saved_model
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.module import Case
from advrec_tf.serving.ranking import ServedRanking
from tests import malformed
from tests.worlds import interactions_of

CONTEXT = pd.DataFrame(
    {
        "device": ["tv", "phone", None, "tv"],
        "wait (s)": [1.0, 2.0, 3.0, np.nan],
        "when": pd.to_datetime(["2024-01-01", "2024-01-02", None, "2024-03-01"]),
        "query": ["a fine day", "", "the rain it raineth", "every day"],
        "tags": [["a", "b"], ["b"], [], ["a"]],
        "place": [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], None],
    }
)
DATA = interactions_of([(0, 0), (0, 1), (1, 2), (2, 3)], 3, 4, rating=[1, 2, 4, 5], context=CONTEXT)


@pytest.fixture(scope="module")
def model():
    data = dataclasses.replace(DATA, kinds={"query": "text"})
    return ar.models.ranking_tower(data, objective="ratings", embedding_dim=3, hidden=(4,), seed=1)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    wrapped = ar.AdversarialTraining(model, ar.fgsm(0.1, relative=False))
    return ar.serving.export(wrapped, tmp_path_factory.mktemp("ranking") / "mine")


NOBODY = {
    "device": ["toaster"],
    "wait__s_": [1e9],
    "when": [float("nan")],
    "query": ["\u00e9"],
    "tags": [["?", "a", "a", "a", "a"]],
    "place": [[0.5, float("inf")]],
}


def ask(path, signature, **inputs):
    case = Case(title="asked", signature=signature, inputs=inputs, expected=None)
    return saved_model.run_in_child(path, [case], timeout=60)["results"][0]


def test_an_export_of_every_kind_of_context_is_checked(exported):
    notes = (exported / "assets.extra" / "advrec_tf.json").read_text()
    assert '"kind": "ranking by ratings"' in notes and '"kind": "sequence"' in notes


def test_what_is_unknown_is_served(exported):
    found = ask(exported, "rank", user_id=["new"], item_id=[["2", "?", "", "0"]], **NOBODY)
    outputs = found["outputs"]
    assert set(outputs["item_id"][0][:2]) == {"0", "2"} and outputs["item_id"][0][2:] == ["", ""]
    assert np.isfinite(outputs["score"][0][:2]).all()
    assert outputs["score"][0][2] == pytest.approx(LOWEST)


def test_a_context_of_another_shape_is_refused(exported):
    wrong = {**NOBODY, "device": ["tv", "tv"]}
    found = ask(exported, "score", user_id=["0"], item_id=["0"], **wrong)
    assert found["error"]["code"] == 3 and "same length" in found["error"]["message"]


def test_the_process_outlives_malformed_requests(exported):
    answer = malformed.ask(exported, quick=True)
    assert answer["other"] == [] and answer["answered"] and answer["refused"]
    assert set(answer["signatures"]) == {"serving_default", "rank", "score"}


def test_candidates_come_in_the_order_of_the_model_in_memory(model):
    module = ServedRanking(model)
    raw = {name: value[:1] for name, value in module._sample(1)[2].items()}
    call = module.signatures()["rank"]
    context = {c.input_name: tf.constant(raw[c.name], c.dtype) for c in module.columns}
    found = call(user_id=tf.constant(["1"]), item_id=tf.constant([["0", "1", "2", "3"]]), **context)
    users, items = np.ones(4, np.int32), np.arange(4, dtype=np.int32)
    expected = model.predict_pairs(users, items, CONTEXT.iloc[[0] * 4])
    order = np.argsort(-expected)
    assert found["item_id"].numpy()[0].astype(str).tolist() == [str(i) for i in order]
    np.testing.assert_allclose(found["score"][0], expected[order], rtol=1e-5)


def test_a_column_called_as_an_input_is_refused():
    data = dataclasses.replace(DATA, context=pd.DataFrame({"item_id": list("abcd")}))
    model = ar.models.ranking_tower(data, embedding_dim=2)
    with pytest.raises(ValueError, match="names of their own in a request"):
        ServedRanking(model)


def test_a_ranking_tower_without_a_context_is_served_as_lists():
    plain = ar.models.ranking_tower(dataclasses.replace(DATA, context=None), embedding_dim=2)
    assert type(ar.serving.served_form(plain, max_k=10)).__name__ == "ServedRecommender"
    assert ServedRanking(plain).columns == ()


@pytest.fixture(scope="module")
def composed(model):
    kind = ar.models.QuotientRemainder()
    return ar.models.ranking_tower(model.interactions, embedding_dim=3, id_table=kind)


def test_composed_ids_are_served_by_their_towers(composed):
    module = ServedRanking(composed)
    # beside the mean vector no row of a user or item is stored
    shapes = [module.user_vectors._rows.shape, module.item_vectors._rows.shape]
    assert shapes == [(1, 3), (1, 3)]
    users = composed.user_tower(tf.range(3)).numpy()
    found = module.user_vectors(tf.constant([2, 3, 0]))
    np.testing.assert_allclose(found, [users[2], users.mean(0), users[0]], rtol=1e-6)


@pytest.mark.slow
def test_an_export_of_composed_ids_is_checked(composed, tmp_path):
    path = ar.serving.export(composed, tmp_path / "small")
    answer = ask(path, "score", user_id=["0", "new"], item_id=["1", "1"], **_repeated(NOBODY))
    assert answer["outputs"]["known_user"] == [True, False]


def _repeated(columns):
    return {name: list(values) * 2 for name, values in columns.items()}
