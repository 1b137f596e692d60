import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf._tfrs import tfrs
from advrec_tf.models.base import MatrixRecommender
from advrec_tf.models.baselines import EASE
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.audit.opening import open_model, subject_of
from advrec_tf.pipelines.audit.subject import UNKNOWN_ITEM
from advrec_tf.serving.forms import export
from tests.worlds import interactions_of, split_of


@pytest.fixture(scope="module")
def exports(split, noise, tmp_path_factory):
    """Form -> (model in memory, folder of its export)."""
    train = split.train
    models = {
        "vectors": VectorRecommender(
            user_vectors=noise[:, :4],
            item_vectors=noise[:24, 4:8],
            unknown_user=np.zeros(4, np.float32),
            interactions=train,
        ),
        "item weights": EASE(10.0).fit(train),
        "table of scores": MatrixRecommender(scores=noise, interactions=train),
    }
    root, found = tmp_path_factory.mktemp("exports"), {}
    for form, model in models.items():
        folder = root / form.replace(" ", "_")
        notes = {"run": {"data_sha256": split.fingerprint(), "settings": {"refit": False}}}
        export(model, folder, check=False, metadata=notes)
        found[form] = model, folder
    return found


@pytest.mark.parametrize("form", ["vectors", "item weights", "table of scores"])
def test_an_export_scores_and_lists_as_the_model_in_memory(exports, split, form):
    model, folder = exports[form]
    found = open_model(str(folder), split)
    users = np.array([7, 2, 40])
    assert form in found.kind and found.knows_test is False
    assert np.allclose(found.scorer.score(users), model.score(users), atol=1e-5)
    assert (found.vectors is not None) == (form == "vectors")
    assert (found.history_lists is not None) == (form != "table of scores")
    ids = split.train.users.ids[users].tolist()
    served = model.recommend(ids)
    best = served[served["rank"] == 1].set_index("user_id")["item_id"]
    assert found.lists(users)[:, 0].tolist() == [best[user] for user in ids]


def test_an_export_answers_for_histories(exports, split):
    _, folder = exports["item weights"]
    found = open_model(str(folder), split)
    own = split.train.by_user()
    assert np.array_equal(found.history_lists([own[3], own[9]]), found.lists(np.array([3, 9])))


def test_users_and_items_are_looked_up_by_their_ids(exports, split):
    _, folder = exports["vectors"]
    train = interactions_of([(0, 0), (1, 1)], users=[9, 5, 999], items=[3, 1, 2, 0])
    found = open_model(str(folder), split_of(train))
    whole = np.asarray(open_model(str(folder), split).scorer.score(np.array([9, 5])))
    scores = np.asarray(found.scorer.score(np.array([0, 1])))
    assert np.allclose(scores, whole[:, [3, 1, 2, 0]], atol=1e-6)
    assert "1 of the 3 users" in found.notes[0]


def index_of(items, ids, users=("u", "v")):
    """An index of TFRS that gives user u the query (1, 0) and v (0, 1)."""
    lookup = keras.layers.StringLookup(vocabulary=list(users), num_oov_indices=0)
    rows = keras.initializers.Constant(np.eye(2))
    queries = keras.Sequential([lookup, keras.layers.Embedding(2, 2, embeddings_initializer=rows)])
    index = tfrs.layers.factorized_top_k.BruteForce(queries, k=1)
    index.index(tf.constant(items, tf.float32), tf.constant(ids))
    index(tf.constant([users[0]]))
    return index


FILE = interactions_of([(0, 0), (1, 1)], users=["v", "u"], items=["c", "a", "b"])


def test_an_index_of_tfrs_gives_vectors_saved_or_in_memory(tmp_path):
    index = index_of([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 0.0]], ["a", "b", "c", "x"])
    tf.saved_model.save(index, str(tmp_path / "index"))
    split = split_of(FILE)
    for found in (subject_of(index, split, name="m"), open_model(str(tmp_path / "index"), split)):
        scores = np.asarray(found.scorer.score(np.array([0, 1])))
        assert scores.tolist() == [[30, 10, 20], [3, 1, 2]]
        # The list of u begins with x, which the file does not have, then c, b and a.
        assert found.lists(np.array([1]))[0].tolist() == [UNKNOWN_ITEM, 0, 2, 1]
        assert found.vectors is not None


def test_an_index_of_other_items_is_refused():
    with pytest.raises(ValueError, match="lacks 3 of its 3 items"):
        subject_of(index_of([[1.0, 0.0]], ["x"]), split_of(FILE), name="m")


def test_an_index_without_a_query_model_is_refused():
    index = tfrs.layers.factorized_top_k.BruteForce(k=1)
    index.index(tf.constant([[1.0, 0.0]]), tf.constant(["a"]))
    with pytest.raises(ValueError, match="with its query model"):
        subject_of(index, split_of(FILE), name="m")


def test_another_saved_model_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "1"))
    with pytest.raises(ValueError, match="which is neither"):
        open_model(str(tmp_path), split_of(FILE))
