"""`recommend_from_features`: lists for users who are known by columns alone."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf.models.new_users import NewUsers
from advrec_tf.models.vectors import load_vectors, save_vectors, with_popularity_prior
from advrec_tf.serving import folder
from advrec_tf.serving.feature_columns import raw_columns, table_of
from advrec_tf.serving.new_users import ServedNewUsers
from tests import malformed
from tests.worlds import interactions_of

USERS = pd.DataFrame(
    {
        "age": [20.0, 30.0, np.nan],
        "job": ["nurse", None, "cook"],
        "k": ["a", "b", "a"],  # a name that another input has
        "about": ["likes long walks", "reads old books", "cooks hot soup"],
        "tags": ["a|b", "c", ""],
        "since": pd.to_datetime(["2024-01-01", "2024-02-01", None]),
        "face": [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]],
    }
)
CONTEXT = pd.DataFrame({"job": ["x", "y", "x", "y"], "hour": [1, 2, 3, 4]})
DATA = interactions_of([(0, 0), (1, 1), (2, 2), (2, 3)], 3, 5, user_features=USERS, context=CONTEXT)
NEW = {"age": [25, 61], "job": ["nurse", "pilot"], "tags": ["a|z", ["b"]], "hour": [2, None]}


@pytest.fixture(scope="module")
def model():
    return ar.models.two_tower(
        DATA, embedding_dim=3, hidden=(4,), use_features=True, use_context=True
    )


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    wrapped = ar.AdversarialTraining(model, ar.fgsm(0.1, relative=True))
    path = tmp_path_factory.mktemp("features") / "mine"
    return ar.serving.export(wrapped, path, k=3, max_k=5)


@pytest.fixture(scope="module")
def client(exported):
    return ar.serving.SavedModelClient(exported)


def new_table():
    """`NEW` as the tables of the model in memory."""
    blank = {"k": None, "about": None, "since": pd.NaT, "face": None}
    users = pd.DataFrame({name: NEW.get(name, [blank.get(name)] * 2) for name in USERS})
    context = pd.DataFrame({"job": [None, None], "hour": [2.0, np.nan]})
    return users, context


def test_the_check_asks_it_and_the_notes_say_which_input_is_which_column(exported):
    notes = folder.read_metadata(exported)
    assert notes["check"]["latency_us"]["recommend_from_features"] > 0
    named = {record["input"]: (record["part"], record["name"]) for record in notes["features"]}
    assert named["user_k"] == ("user", "k") and named["context_job"] == ("context", "job")
    assert "recommend_from_features" in (exported / "MODEL_CARD.md").read_text()


def test_users_without_a_row_in_the_table_are_nobody_and_the_check_knows_it(tmp_path):
    users = pd.DataFrame({"age": [np.nan, 30.0, np.nan], "job": [None, "nurse", None]})
    data = interactions_of([(0, 0), (1, 1), (2, 2), (2, 3)], 3, 5, user_features=users)
    model = ar.models.two_tower(data, embedding_dim=3, use_features=True)
    served = ar.serving.served_form(model, k=3, max_k=5)
    _, _, known = served.new_users.sample()
    assert known.tolist() == [True, False, False, False, False]  # a row an interaction, and nobody
    client = ar.serving.SavedModelClient(ar.serving.export(served, tmp_path))
    found = client.recommend_from_features({"job": [None, "nurse"]}, k=2)
    popular = client.recommend(["nobody"], k=2)
    assert found[found["user_id"] == "0"]["item_id"].tolist() == popular["item_id"].tolist()


def test_the_check_asks_by_the_columns_of_the_few_who_have_some():
    jobs = pd.DataFrame({"job": [None] * 77 + ["nurse"] + [None] * 22})
    data = interactions_of([(user, user % 5) for user in range(100)], user_features=jobs)
    model = ar.models.two_tower(data, embedding_dim=3, use_features=True)
    raw, queries, known = ServedNewUsers(NewUsers.of(model), data, 3).sample()
    assert raw["job"].tolist() == ["nurse"] + [""] * 9
    assert known.tolist() == [True] + [False] * 9 and queries.shape == (10, 3)


def test_lists_are_those_of_the_columns_in_memory(client, model):
    expected = model.new_user_vectors(*new_table()) @ model.item_vectors().T
    found = client.recommend_from_features(
        NEW, k=[5, 2], exclude=[["3"], []], allow=[[], ["0", "4"]]
    )
    first, second = (found[found["user_id"] == user] for user in "01")
    order = [str(item) for item in np.argsort(-expected[0]) if item != 3]
    assert first["item_id"].tolist() == order
    np.testing.assert_allclose(first["score"], np.sort(np.delete(expected[0], 3))[::-1], rtol=1e-4)
    assert second["item_id"].tolist() == [str(i) for i in np.argsort(-expected[1]) if i in (0, 4)]
    assert client.recommend_from_features(pd.DataFrame({"age": []})).empty


def test_lists_by_columns_may_have_the_popularity_prior(model, tmp_path):
    # half of what the columns say, and log(interactions + .5): the fifth item has none
    taste = model.new_user_vectors(*new_table()) @ model.item_vectors().T
    expected = 0.5 * taste + np.log([1.5, 1.5, 1.5, 1.5, 0.5])
    vectors = with_popularity_prior(
        model.user_vectors(), model.item_vectors(), DATA, scale=2.0, prior_max_history=3
    )
    told = dataclasses.replace(vectors, new_users=NewUsers.of(model), new_user_scale=0.5)
    found = told.new_user_vectors(*new_table()) @ told.item_vectors.T
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    save_vectors(told, tmp_path / "vectors.npz")
    again = load_vectors(tmp_path / "vectors.npz")
    version = ar.serving.export(again, tmp_path / "mine", k=5, max_k=5)  # checked
    assert folder.read_metadata(version)["new_user_scale"] == 0.5
    served = ar.serving.SavedModelClient(version).recommend_from_features(NEW)
    for user, scores in enumerate(expected):
        own = served[served["user_id"] == str(user)]
        assert own["item_id"].tolist() == [str(item) for item in np.argsort(-scores)]
        np.testing.assert_allclose(own["score"], -np.sort(-scores), rtol=1e-4)


def test_who_is_known_by_nothing_gets_the_popular_list(client):
    found = client.recommend_from_features({"job": [None, "pilot", "nurse"], "age": [None] * 3})
    popular = client.recommend(["nobody"])["item_id"].tolist()
    lists = [found[found["user_id"] == user]["item_id"].tolist() for user in "012"]
    assert lists[0] == lists[1] == popular
    assert lists[2] != popular  # a pilot is as unknown to the model as nobody, a nurse is not


def test_a_column_that_the_model_does_not_take_is_named(client):
    with pytest.raises(ValueError, match="`features` should have columns among .*age.*: agee"):
        client.recommend_from_features({"agee": [3]})


def test_a_k_out_of_range_is_refused(client):
    with pytest.raises(ar.serving.ServingError, match=r"`k` should be in 1\.\.5"):
        client.recommend_from_features({"age": [3]}, k=6)


@pytest.mark.slow
def test_the_process_outlives_malformed_requests(exported):
    answer = malformed.ask(exported, quick=True)
    assert answer["other"] == [] and answer["answered"] and answer["refused"]
    assert answer["signatures"]["recommend_from_features"] > 40


def test_every_input_has_the_batch_first_and_its_shape_is_guarded(model):
    served = ar.serving.served_form(model, k=3, max_k=5)
    specs = served.inputs()["recommend_from_features"]
    assert all(spec.shape.rank >= 1 and spec.shape[0] is None for spec in specs.values())
    graph = served.signatures()["recommend_from_features"].graph
    guarded = [op for op in graph.get_operations() if op.type == "EnsureShape"]
    assert len(guarded) >= len(specs)
    warm = served.warmup()["recommend_from_features"]
    assert set(warm) == set(specs) and {value.shape[0] for value in warm.values()} == {1}


def test_a_model_of_ids_alone_has_no_such_signature(tmp_path):
    served = ar.serving.served_form(ar.models.two_tower(DATA, embedding_dim=3))
    assert "recommend_from_features" not in served.inputs() and "features" not in served.notes()
    path = ar.serving.export(served, tmp_path, check=False)
    with pytest.raises(ar.serving.ServingError, match="no columns.*`--use-features` and `--user-t"):
        ar.serving.SavedModelClient(path).recommend_from_features({"age": [3]})


@pytest.fixture(scope="module")
def shipped(model):
    """Vectors with a prior and the tower of columns, as a run ships them."""
    users, items = model.user_vectors(), model.item_vectors()
    plain = with_popularity_prior(users, items, DATA, scale=0.5, prior_max_history=2)
    return dataclasses.replace(plain, new_users=NewUsers.of(model))


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        ({}, 1e-5),
        # An entry of an item is rounded by 1/254 of the longest one, of a unit vector of 3.
        ({"tables": "int8"}, 0.2),
        pytest.param(
            {"index": "ivf", "recall": 0.1, "tables": "int8"}, 0.2, marks=pytest.mark.slow
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:index=.ivf. buys nothing")
def test_vectors_with_a_tower_are_asked_by_columns_as_the_model_is(
    shipped, model, settings, tolerance
):
    served = ar.serving.served_form(shipped, k=3, max_k=5, **settings)
    expected = model.new_user_vectors(*new_table()) @ model.item_vectors().T
    specs = served.new_users.inputs()
    named = {name: (spec.dtype.name, tuple(spec.shape)) for name, spec in specs.items()}
    raw = raw_columns(table_of(NEW), named)
    asked = {name: tf.constant(values, specs[name].dtype) for name, values in raw.items()}
    none = tf.constant([[""], [""]])
    answer = served.recommend_from_features(tf.constant([5, 5]), none, none, **asked)
    items = answer["item_id"].numpy().astype(int)
    np.testing.assert_allclose(
        answer["score"], np.take_along_axis(expected, items, axis=1), rtol=0, atol=tolerance
    )
    if not settings:
        assert items.tolist() == np.argsort(-expected, axis=1).tolist()


def test_the_check_asks_a_model_without_its_tables_by_values_that_columns_may_have():
    data = dataclasses.replace(DATA, user_features=USERS.assign(age=[20.0, 30.0, 40.0]))
    queries = NewUsers.of(ar.models.two_tower(data, embedding_dim=3, use_features=True))
    alone = interactions_of([(0, 0), (1, 1), (2, 2), (2, 3)], 3, 5)
    raw, vectors, known = ServedNewUsers(queries, alone, 4).sample()
    assert known.tolist() == [True] * 4 + [False]
    assert raw["job"].tolist() == ["cook", "nurse", "cook", "nurse", ""]
    # The mean age is 30; from two deviations below it to one above.
    ages = 30 + np.array([-2, -1, 0, 1]) * (200 / 3) ** 0.5
    np.testing.assert_allclose(raw["age"][:4], ages, rtol=1e-6)
    assert raw["tags"].tolist()[:4] == [["a", "b"], ["b", "c"], ["c", ""], ["a", "b"]]
    assert raw["since"][1] == pd.Timestamp("2024-01-31").timestamp()
    assert raw["face"].tolist()[:4] == [[-1, 0], [0, 1], [1, -1], [-1, 0]]
    assert len(np.unique(vectors.round(5), axis=0)) == 5


@pytest.mark.slow
def test_a_wrong_query_is_found_by_the_check(model, tmp_path):
    served = ar.serving.served_form(model, k=3, max_k=5)
    width = served.new_users.width
    calls = type(served.new_users).__call__
    wrong = type("Wrong", (type(served.new_users),), {})
    wrong.__call__ = lambda self, raw: (tf.zeros_like(calls(self, raw)[0]), *calls(self, raw)[1:])
    served.new_users.__class__ = wrong
    assert width == served.scorer.item_vectors.shape[1]
    with pytest.raises(ar.serving.ExportCheckError, match="recommend_from_features .columns of"):
        ar.serving.export(served, tmp_path)
