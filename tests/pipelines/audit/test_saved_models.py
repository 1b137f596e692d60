import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf._tfrs import tfrs
from advrec_tf.models.base import MatrixRecommender
from advrec_tf.models.baselines import EASE
from advrec_tf.models.blend import HistoryBlend
from advrec_tf.models.multi_task import multi_task_tower
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.audit.opening import open_model, subject_of
from advrec_tf.pipelines.audit.subject import UNKNOWN_ITEM
from advrec_tf.serving.forms import export, served_form
from advrec_tf.serving.module import ServedModule
from tests.worlds import interactions_of, split_of

SIZE = EncoderSize(length=4, dim=8, blocks=1, heads=2, user_embedding=True)


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


@pytest.fixture(scope="module")
def clicks(split):
    """Six users of six items, in another order than that of the exports, and an item of its own."""
    pairs = [(user, item) for user in range(6) for item in (user, (user + 2) % 6, (user + 3) % 6)]
    data = interactions_of(pairs, rating=[1, 3, 5] * 6, timestamp=range(18))
    file = interactions_of(
        [(0, 0), (1, 5), (2, 6)], users=[3, 0, 77], items=[5, 4, 3, 2, 1, 0, "new"]
    )
    return data, split_of(file)


NEXT_ITEM = {
    "sasrec of users": lambda data: published.sasrec(data, size=SIZE),
    "blend of counts": lambda data: HistoryBlend(
        [Transitions().fit(data), Transitions(window=1).fit(data)]
    ),
}


@pytest.mark.parametrize("build", NEXT_ITEM.values(), ids=NEXT_ITEM)
def test_a_next_item_model_scores_and_lists_as_in_memory(clicks, build, tmp_path):
    data, split = clicks
    model = build(data)
    export(model, tmp_path / "m", check=False)
    found = open_model(str(tmp_path / "m"), split)
    own = served_form(model).scorer.scores(tf.constant([3, 0, 6])).numpy()  # 6 is unknown
    scores = np.asarray(found.scorer.score(np.array([0, 1, 2])))
    assert np.allclose(scores[:, :6], own[:, ::-1], atol=1e-5)
    assert (scores[:, 6] == -np.inf).all() and "next item" in found.no_vectors
    best = model.recommend([3, 0])
    best = best[best["rank"] == 1].set_index("user_id")["item_id"]
    assert found.lists(np.array([0, 1]))[:, 0].tolist() == [5 - best[3], 5 - best[0]]
    assert found.history_lists([np.array([0, 1])]).shape == (1, 10)


def test_small_tables_and_several_tasks_are_scored_pair_by_pair_and_by_their_lists(
    clicks, split, noise, exports, tmp_path
):
    model, _ = exports["vectors"]
    export(model, tmp_path / "small", tables="int8", check=False)
    found = open_model(str(tmp_path / "small"), split)
    assert np.allclose(found.scorer.score(np.array([7, 2])), model.score([7, 2]), atol=0.1)
    assert found.vectors is None and "--tables float32" in found.no_vectors
    data, of_clicks = clicks
    several = multi_task_tower(data, embedding_dim=2, hidden=())
    export(several, tmp_path / "several", check=False)
    found = open_model(str(tmp_path / "several"), of_clicks)
    own = several.frozen().score(np.array([3, 0]))
    scores = np.asarray(found.scorer.score(np.array([0, 1])))
    assert np.allclose(scores[:, :6], np.asarray(own)[:, ::-1], atol=1e-5)


def test_a_graph_that_scores_no_users_is_refused(tmp_path):
    class Sizes(ServedModule):
        def serving_default(self, item_id):
            return {"size": tf.strings.length(item_id)}

        def inputs(self):
            return {"serving_default": {"item_id": tf.TensorSpec([None], tf.string)}}

        def notes(self):
            return {"kind": "fraud scorer"}

    export(Sizes(name="sizes"), tmp_path / "m", check=False)
    with pytest.raises(ValueError, match="scores users and items.*which is a fraud scorer"):
        open_model(str(tmp_path / "m"), split_of(FILE))


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
