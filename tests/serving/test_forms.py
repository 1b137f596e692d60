"""Which served form a model takes, and that what is served is the model."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf.gan.cfgan import build_cfgan
from advrec_tf.gan.profiles import build_profile_gan
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.base import CandidateSubset, MatrixRecommender
from advrec_tf.models.baselines import EASE, Popularity, RandomWalk
from advrec_tf.models.blend import Blend
from advrec_tf.models.factorization.implicit_factorization import ImplicitFactorization
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization
from advrec_tf.models.graph.light_gcn import LightGCN
from advrec_tf.models.ranking import ranking_tower
from advrec_tf.models.retrieval import two_tower
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.perturbations import fgsm
from advrec_tf.serving import folder, scorer_choice
from advrec_tf.serving.forms import export, served_form
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.module import ExportCheckError
from advrec_tf.training.adversarial import AdversarialTraining
from tests.worlds import interactions_of, tiny_world

DATA = tiny_world(12, 15)
BUILT = {
    "two-tower": (lambda: two_tower(DATA, embedding_dim=4), "vectors"),
    "adversarial training": (
        lambda: AdversarialTraining(two_tower(DATA, embedding_dim=4), fgsm(0.1, relative=False)),
        "vectors",
    ),
    "matrix factorization": (lambda: MatrixFactorization(DATA, dim=4), "vectors"),
    "implicit factorization": (lambda: ImplicitFactorization(dim=4).fit(DATA), "vectors"),
    "rating factorization": (lambda: BiasedFactorization(dim=4).fit(DATA), None),
    "LightGCN": (lambda: LightGCN(DATA, dim=4), "vectors"),
    "autoencoder": (lambda: ProfileAutoencoder(DATA, dim=4), "vectors"),
    "CFGAN": (lambda: build_cfgan(DATA), None),
    "profile GAN": (lambda: build_profile_gan(DATA), "table of scores"),
    "ranking": (lambda: ranking_tower(DATA, embedding_dim=4), "table of scores"),
    "EASE": (lambda: EASE(1.0).fit(DATA), "item weights"),
    "popularity": (lambda: Popularity().fit(DATA), "table of scores"),
    "random walk": (lambda: RandomWalk().fit(DATA), "table of scores"),
    "blend": (
        lambda: Blend([EASE(1.0).fit(DATA), two_tower(DATA, embedding_dim=4)]),
        "table of scores",
    ),
    "subset": (
        lambda: CandidateSubset(
            model=EASE(1.0).fit(DATA), items=np.arange(3, 9), interactions=DATA
        ),
        "table of scores",
    ),
}


def served_lists(served, user_ids, k):
    padding = tf.fill([len(user_ids), 1], "")
    outputs = served.recommend(
        tf.constant([str(user) for user in user_ids]),
        tf.fill([len(user_ids)], k),
        padding,
        padding,
    )
    return [[item.decode() for item in row if item] for row in outputs["item_id"].numpy()]


@pytest.mark.parametrize("name", BUILT)
def test_every_recommender_is_served_as_it_is_in_memory(name):
    build, kind = BUILT[name]
    model = build()
    served = served_form(model, k=3, max_k=15)
    if kind is not None:
        assert served.scorer.kind == kind
    table = model.frozen().recommend(DATA.users.ids, k=15)
    table["item_id"] = table["item_id"].astype(str)
    expected = {user: rows for user, rows in table.groupby("user_id")}
    scores = np.asarray(model.score(tf.range(DATA.num_users)))
    for user, items in zip(DATA.users.ids, served_lists(served, DATA.users.ids, 15)):
        assert sorted(items) == sorted(expected[user]["item_id"])
        own = scores[user, DATA.items.index_of([int(item) for item in items])]
        assert (np.diff(own) <= 1e-5 * np.abs(scores).max()).all()
    popular = np.argsort(-DATA.item_counts(), kind="stable")
    counts = DATA.item_counts()[[int(item) for item in served_lists(served, ["?"], 15)[0]]]
    assert counts.tolist() == DATA.item_counts()[popular].tolist()


@pytest.mark.parametrize("name", ["two-tower", "EASE", "subset"])
def test_the_exported_version_passes_its_check(name, tmp_path):
    path = export(BUILT[name][0](), tmp_path, k=3, max_k=5)
    notes = folder.read_metadata(path)
    assert notes["check"]["largest_difference"] < 1e-5
    assert ("recommend_from_history" in notes["signatures"]) == (name != "subset")


def test_the_public_export_takes_a_model_and_a_folder(tmp_path):
    path = ar.serving.export(two_tower(DATA, embedding_dim=4), tmp_path / "mine", check=False)
    client = ar.serving.SavedModelClient(path)
    model = BUILT["two-tower"][0]()
    served = client.recommend(["no one"], k=5)["item_id"].tolist()
    assert [int(item) for item in served] == model.recommend(["no one"], k=5)["item_id"].tolist()


def vectors(unknown):
    return VectorRecommender(
        user_vectors=np.ones([2, 1], np.float32),
        item_vectors=np.array([[3], [2], [1]], np.float32),
        unknown_user=np.array([unknown], np.float32),
        interactions=interactions_of([(0, 2), (1, 2), (0, 1)], 2, 3),
    )


@pytest.mark.parametrize("unknown", [0.0, 1.0])
def test_an_unknown_user_gets_the_popular_items_whatever_the_vector(unknown):
    served = served_form(vectors(unknown))
    assert served_lists(served, ["?"], 3) == [["2", "1", "0"]]
    assert served.scorer.item_vectors.shape == [3, 2]


def test_a_popularity_that_the_vectors_have_already_is_not_added(recommender):
    assert served_form(recommender).scorer.item_vectors.shape == recommender.item_vectors.shape


def test_the_check_finds_an_unknown_user_who_is_not_served_the_popular_items(tmp_path):
    served = served_form(vectors(0.0))
    served.scorer.user_vectors.assign(tf.zeros_like(served.scorer.user_vectors))
    with pytest.raises(ExportCheckError, match="should be served the popular items"):
        export(served, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_form_whose_scores_are_not_the_model_s_is_not_used():
    class Shifted(EASE):
        """Has item weights, and adds something to what they give."""

        def score(self, user_index):
            return super().score(user_index) + tf.range(15, dtype=tf.float32)

    served = served_form(Shifted(1.0).fit(DATA))
    assert served.scorer.kind == "table of scores"


def test_items_that_a_model_never_recommends_are_not_served():
    served = served_form(BUILT["subset"][0](), k=3, max_k=15)
    for items in served_lists(served, DATA.users.ids, 15):
        assert set(map(int, items)) <= set(range(3, 9))
    assert served.scorer.table.numpy().min() == LOWEST


def test_what_cannot_be_served_is_said(monkeypatch):
    with pytest.raises(ValueError, match=r"`model` should be a recommender.*Received: Dense"):
        served_form(tf.keras.layers.Dense(1))
    with pytest.raises(ValueError, match="should have finite scores. MatrixRecommender gives NaN"):
        served_form(MatrixRecommender(scores=np.full((12, 15), np.nan), interactions=DATA))
    monkeypatch.setattr(scorer_choice, "TABLE_LIMIT", 4 * 13 * 15 - 1)
    with pytest.raises(ValueError, match=r"12 users and 15 items.*recommend_all.*RandomWalk"):
        served_form(RandomWalk().fit(DATA))


def test_a_recall_of_no_index_and_an_index_of_a_small_catalogue_are_said(recommender):
    with pytest.warns(UserWarning, match='counts for nothing with index="exact". Received: 0.5'):
        served_form(recommender, k=3, max_k=4, index="exact", recall=0.5)
    few = 'index="ivf" buys nothing for 5 items: below about 10,000'
    # Of cells of five items none may be read.
    with pytest.warns(UserWarning, match=few), pytest.raises(ValueError, match="`recall` should"):
        served_form(recommender, k=3, max_k=4, index="ivf", recall=0.1)


def test_a_k_left_out_is_10_or_the_longest_that_may_be_asked_for(recommender, tmp_path):
    forms = [served_form(recommender, max_k=max_k) for max_k in (7, 10, 30)]
    assert [(form.k, form.max_k) for form in forms] == [(7, 7), (10, 10), (10, 30)]
    version = export(recommender, tmp_path, max_k=4, check=False)
    notes = folder.read_metadata(version)
    assert (notes["k"], notes["max_k"]) == (4, 4)
    with pytest.raises(ValueError, match="`max_k` should be >= 1. Received: 0"):
        served_form(recommender, max_k=0)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"k": 10}, "10"),
        ({"max_k": 5}, "5"),
        ({"recall": 0.9}, "0.9"),
        ({"held_out": DATA}, f"Interactions of {len(DATA)} rows"),
    ],
)
def test_a_setting_of_lists_is_refused_where_it_would_count_for_nothing(recommender, setting, said):
    (name,) = setting
    made = served_form(recommender, k=3, max_k=7)
    with pytest.raises(
        ValueError, match=f"`{name}` should be left out for a graph that.*{said} for ServedRec"
    ):
        served_form(made, **setting)
    context = pd.DataFrame({"device": ["tv"] * len(DATA)})
    tower = ranking_tower(dataclasses.replace(DATA, context=context), embedding_dim=2)
    with pytest.raises(
        ValueError, match=f"`{name}` should be left out for a ranking tower.*{said} for Rank"
    ):
        served_form(tower, **setting)
    assert served_form(made) is made


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_folder_that_is_a_file_is_refused(recommender, tmp_path, inside):
    file = tmp_path / "log.csv"
    file.write_text("a")
    with pytest.raises(ValueError, match=r"`directory` should be a folder. Received: .*log.csv"):
        export(recommender, file / inside)
