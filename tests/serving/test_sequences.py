"""A next-item model behind the signatures, through TensorFlow's C API."""

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.models.blend import HistoryBlend
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.perturbations import fgsm
from advrec_tf.serving.folder import read_metadata
from advrec_tf.serving.forms import export, served_form
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.saved_model_client import SavedModelClient
from advrec_tf.serving.sequences import ServedSequences
from advrec_tf.serving.values import ServingError
from advrec_tf.training.adversarial import AdversarialTraining
from tests.worlds import interactions_of

SIZE = EncoderSize(length=4, dim=8, blocks=1, heads=2)
# User "a" has items 0, 1, 2 in this order, "b" 3 and 4, "c" nothing; item 4 is the popular one.
DATA = interactions_of(
    [(0, 0), (0, 1), (1, 3), (0, 2), (1, 4), (3, 4), (4, 4), (4, 1)],
    5,
    6,
    users=list("abcde"),
    items=["i0", "i1", "i2", "i3", "i4", "i5"],
    timestamp=[1, 2, 1, 9, 2, 1, 1, 5],
)


def best_of(model, history, *, without=()):
    scores = model.score_history(tf.constant([history], tf.int32))[0].numpy()
    scores[list(without)] = LOWEST
    return [f"i{item}" for item in np.argsort(-scores)[:3]]


def asked(served, *histories):
    found = served.recommend_from_history(tf.constant(histories, tf.string))
    return [[item.decode() for item in row[:3]] for row in found["item_id"].numpy()]


@pytest.fixture(scope="module")
def model():
    return published.sasrec(DATA, size=SIZE)


def test_the_order_of_a_history_counts(model):
    served = ServedSequences(model)
    found = asked(served, ["i0", "i1"], ["i1", "i0"])
    assert found == [best_of(model, [0, 1], without=[0, 1]), best_of(model, [1, 0], without=[0, 1])]


def test_unknown_ids_and_padding_are_skipped_wherever_they_stand(model):
    served = ServedSequences(model)
    found = asked(served, ["i0", "i1", "", ""], ["", "i0", "strange", "i1"])
    assert found[0] == found[1] == best_of(model, [0, 1], without=[0, 1])


def test_of_a_long_history_the_last_items_are_read(model):
    served = ServedSequences(model, repeats=True)
    history = [f"i{item}" for item in (5, 0, 1, 2, 3)]
    assert asked(served, history) == [best_of(model, [0, 1, 2, 3])]


def test_items_may_come_again_where_the_export_says_so(model):
    once, again = ServedSequences(model, k=6), ServedSequences(model, k=6, repeats=True)
    history = tf.constant([["i0", "i1"]])
    assert b"i0" not in once.recommend_from_history(history)["item_id"].numpy()
    assert b"i0" in again.recommend_from_history(history)["item_id"].numpy()


def test_who_says_nothing_gets_the_popular_items(model):
    served = ServedSequences(model)
    assert asked(served, ["strange"])[0][0] == "i4"
    assert asked(served, [])[0][0] == "i4"
    found = served.recommend_index(tf.constant([2]))
    assert found["item_index"].numpy()[0, 0] == 4


def test_a_known_user_is_served_by_the_last_items(model):
    served = ServedSequences(model)
    found = served.serving_default(tf.constant(["a"]))["item_id"].numpy()[0, :3]
    assert [item.decode() for item in found] == best_of(model, [0, 1, 2], without=[0, 1, 2])


def test_an_adversarially_trained_model_is_served_by_its_encoder(model):
    wrapped = AdversarialTraining(model, fgsm(0.1, relative=True))
    assert isinstance(served_form(wrapped), ServedSequences)


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (published.hstu, {"use_times": True}),
        (published.bert4rec, {}),
        pytest.param(published.bsarec, {"lowest": 2}, marks=pytest.mark.slow),
        pytest.param(published.gru4rec, {}, marks=pytest.mark.slow),
    ],
    ids=["hstu", "bert4rec", "bsarec", "gru4rec"],
)
def test_each_is_exported_and_answers_as_in_memory(build, settings, tmp_path):
    trained = build(DATA, size=SIZE, **settings)
    version = export(trained, tmp_path / "model")  # checked through the C API
    notes = read_metadata(version)
    assert notes["kind"] == "next item" and not notes["repeats"]
    client = SavedModelClient(version)
    listed = client.recommend_from_history([["i0", "i1"]])
    assert listed["item_id"].tolist()[:3] == best_of(trained, [0, 1], without=[0, 1])


def test_a_k_left_out_is_no_longer_than_the_longest_list(model):
    served = ServedSequences(model, max_k=4)
    assert (served.k, served.max_k) == (4, 4)


def test_windows_end_with_an_empty_one_for_nobody(model):
    windows = ServedSequences(model).scorer.windows.numpy()
    assert (windows[-1] == NONE).all() and windows[0].tolist() == [NONE, 0, 1, 2]


def test_a_request_holds_as_many_users_as_the_encoder_has_memory_for():
    long = published.sasrec(DATA, size=EncoderSize(length=100, dim=64, blocks=1, heads=2))
    # 2^25 cells over 100 places of 4 * 100 + 16 * 64 cells
    assert ServedSequences(long).max_batch == 2**25 // (100 * 1424) == 235
    assert ServedSequences(published.sasrec(DATA, size=SIZE)).max_batch > 1000


def transitions():
    return Transitions(window=2).fit(DATA)


@pytest.mark.parametrize(
    "build",
    [
        transitions,
        lambda: HistoryBlend([published.hstu(DATA, size=SIZE, use_times=True), transitions()]),
    ],
    ids=["transitions", "a blend"],
)
def test_counts_and_blends_are_asked_by_history_too(build, tmp_path):
    trained = build()
    version = export(trained, tmp_path / "model")  # checked through the C API
    client = SavedModelClient(version)
    listed = client.recommend_from_history([["i0", "i1"]])
    assert listed["item_id"].tolist()[:2] == best_of(trained, [0, 1], without=[0, 1])[:2]
    for user, place in zip("ab", (0, 1), strict=True):
        scores = trained.score(tf.constant([place]))[0].numpy()
        scores[DATA.by_user()[place]] = LOWEST
        best = [f"i{item}" for item in np.argsort(-scores, kind="stable")[:2]]
        assert client.recommend([user])["item_id"].tolist()[:2] == best


@pytest.fixture(scope="module")
def personal(tmp_path_factory):
    """A model with vectors of users, and a client of its export, checked through the C API."""
    size = EncoderSize(length=4, dim=8, blocks=1, heads=2, user_embedding=True)
    model = published.sasrec(DATA, size=size)
    model.user_rows.embeddings.assign(np.random.default_rng(0).normal(size=(6, 8)))
    return model, SavedModelClient(export(model, tmp_path_factory.mktemp("users") / "model"))


def test_a_request_by_history_may_say_whose_it_is(personal):
    model, client = personal
    histories = [["i0", "i1"], ["i0", "i1"], []]
    message = "Of `user_ids` the model does not know 1 of 3 ids: .* The first is 'strange'"
    with pytest.warns(UserWarning, match=message):
        table = client.recommend_from_history(histories, ["b", "strange", "a"])
    asked = {"user_id": ["b", "?"], "item_id": [["i0", "strange"], ["", "strange"]]}
    found = client.predict("recommend_from_user_history", asked)
    assert found["known_items"].tolist() == [1, 0] and found["known_user"].tolist() == [True, False]
    history = tf.constant([[0, 1]])
    for name, user in (("b", 1), ("strange", 5)):
        scores = model.score_history(history, user=tf.constant([user]))[0].numpy()
        scores[[0, 1]] = LOWEST
        best = [f"i{item}" for item in np.argsort(-scores)[:4]]
        assert table["item_id"][table["user_id"] == name].tolist()[:4] == best
    assert table["item_id"][table["user_id"] == "a"].tolist()[0] == "i4"  # nothing was read
    unknown = client.recommend_from_history([["i0", "i1"]])
    assert unknown["item_id"].tolist() == table["item_id"][table["user_id"] == "strange"].tolist()
    assert unknown["user_id"].unique().tolist() == ["0"]


def test_limits_and_scores_by_history_are_of_the_user_too(personal):
    model, client = personal
    histories = [["i0", "i1"]] * 2
    right = model.score_history(tf.constant([[0, 1]] * 2), user=tf.constant([1, 5])).numpy()
    with pytest.warns(UserWarning, match="Of `user_ids` the model does not know 1 of 2 ids"):
        scored = client.score_from_history(histories, [["i0", "i3"]] * 2, ["b", "strange"])
    np.testing.assert_allclose(scored["score"], right[:, [0, 3]].ravel(), rtol=1e-5)
    nobody = client.score_from_history(histories[:1], [["i0", "i3"]])
    np.testing.assert_allclose(nobody["score"], right[1, [0, 3]], rtol=1e-5)
    listed = client.recommend_from_history(histories[:1], ["b"], k=1, exclude=["i2", "i4"])
    order = [item for item in np.argsort(-right[0]) if item in (3, 5)]
    assert listed[["user_id", "item_id"]].values.tolist() == [["b", f"i{order[0]}"]]


def test_users_of_another_number_or_of_a_model_without_them_are_refused(personal):
    _, client = personal
    with pytest.raises(ValueError, match="`user_ids` should hold 1 ids, one for each history.*2"):
        client.recommend_from_history([["i0"]], ["a", "b"])
    attention = SavedModelClient.__new__(SavedModelClient)  # an export without signatures
    attention.path, attention._signatures = "attention", {}
    with pytest.raises(ServingError, match="`user_ids` should be left out: the model has no vecto"):
        attention.recommend_from_history([["i0"]], ["a"])
