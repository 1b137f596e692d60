import json

import numpy as np
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving import forms, indexed
from advrec_tf.serving.indexed import ServedByIndex, ServedSequencesByIndex
from advrec_tf.serving.lists import NO_ITEM
from advrec_tf.serving.sequences import ServedSequences

USERS, ITEMS, DIM = 60, 700, 6


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, [USERS, ITEMS], (600, 2)), axis=0).astype(np.int32)
    data = ar.data.Interactions(
        user_index=pairs[:, 0],
        item_index=pairs[:, 1],
        users=ar.data.Vocabulary([f"u{i}" for i in range(USERS)]),
        items=ar.data.Vocabulary([f"i{i}" for i in range(ITEMS)]),
    )
    centers = 3 * rng.normal(size=(20, DIM))

    def near(count):
        return (centers[rng.integers(0, 20, count)] + rng.normal(size=(count, DIM))).astype("f4")

    return VectorRecommender(
        user_vectors=near(USERS),
        item_vectors=near(ITEMS),
        unknown_user=np.zeros(DIM, np.float32),
        interactions=data,
    )


@pytest.fixture(scope="module")
def served(model):
    form = forms.served_form(model, k=5, max_k=20, index="ivf", recall=0.8)
    assert isinstance(form, ServedByIndex)
    return form


@pytest.fixture(scope="module")
def exact(model):
    return forms.served_form(model, k=5, max_k=20, index="exact")


def strings(rows):
    return tf.constant(rows, tf.string)


def test_unknown_users_get_the_popular_items_beside_known_ones(served, exact):
    users = strings(["u3", "nobody", "u5"])
    found, right = served.serving_default(users), exact.serving_default(users)
    assert found["item_id"].numpy()[1].tolist() == right["item_id"].numpy()[1].tolist()
    seen = {f"i{item}" for item in served._in_memory()[2].by_user()[3]}
    assert not seen & {item.decode() for item in found["item_id"].numpy()[0]}


def test_excluded_items_are_left_out_and_allowed_ones_answered_exactly(served, exact):
    users, k = strings(["u3", "u4", "nobody"]), tf.constant([3, 2, 4])
    best = served.serving_default(users)["item_id"].numpy()
    exclude = strings([[best[0][0]], [NO_ITEM], [best[2][0]]])
    allow = strings([[NO_ITEM] * 2, ["i1", "i2"], [NO_ITEM] * 2])
    found = served.recommend(users, k, exclude, allow)
    assert found["item_id"].numpy()[0].tolist()[:2] == best[0][1:3].tolist()
    assert found["item_id"].numpy()[2].tolist() == best[2][1:].tolist()
    right = exact.recommend(users, k, exclude, allow)
    np.testing.assert_array_equal(found["item_id"][1:], right["item_id"][1:])
    np.testing.assert_allclose(found["score"][1:], right["score"][1:], rtol=1e-5)


def test_a_dimension_that_no_known_user_reads_does_not_part_the_cells(served):
    assert served.scorer.dim == DIM + 1  # the last is the popularity, of the unknown user
    assert served.index.table.dim == DIM


def test_an_export_says_what_its_index_reaches(served, tmp_path):
    path = ar.serving.export(served, tmp_path / "lists")
    notes = json.loads((path / "assets.extra" / "advrec_tf.json").read_text())
    assert notes["index"] == served.report.as_dict() and notes["index"]["recall"] > 0.7
    card = (path / "MODEL_CARD.md").read_text()
    assert f"{served.report.probes} of {served.report.cells} cells" in card


def test_small_catalogs_are_exact_by_default_and_large_ones_are_indexed(model, monkeypatch):
    assert type(forms.served_form(model)) is forms.ServedRecommender
    monkeypatch.setattr(forms, "INDEX_FROM", ITEMS)
    assert type(forms.served_form(model, recall=0.5)) is ServedByIndex
    assert indexed.INDEX_FROM == 10**5


def test_where_an_index_does_not_pay_lists_are_exact_with_a_warning(model, monkeypatch):
    monkeypatch.setattr(forms, "INDEX_FROM", ITEMS)
    monkeypatch.setattr("advrec_tf.serving.index_tuning.MOST_READ", 0.001)
    with pytest.warns(UserWarning, match="Lists are exact. `recall` should be what an index can"):
        assert type(forms.served_form(model, recall=1.0)) is forms.ServedRecommender
    with pytest.raises(ValueError, match="the best reached is"):
        forms.served_form(model, recall=1.0, index="ivf")


def test_what_is_no_index_or_has_no_vectors_is_refused(model):
    with pytest.raises(ValueError, match=r"`index` should be one of .*Received: 'hnsw'"):
        forms.served_form(model, index="hnsw")
    with pytest.raises(ValueError, match=r"`recall` should be in \(0, 1\]. Received: 2"):
        forms.served_form(model, recall=2)
    popularity = ar.models.Popularity().fit(model.interactions)
    with pytest.raises(ValueError, match='Received: "ivf" for Popularity'):
        forms.served_form(popularity, index="ivf")


LONGEST = 8


@pytest.fixture(scope="module")
def sequences(model):
    """A next-item model of the same catalogue, whose items lie in groups."""
    size = ar.models.EncoderSize(length=LONGEST, dim=DIM, blocks=1, heads=1)
    return ar.models.sasrec(model.interactions, size=size, item_vectors=model.item_vectors)


@pytest.fixture(scope="module")
def by_history(sequences):
    form = forms.served_form(sequences, k=5, max_k=20, index="ivf", recall=0.8)
    assert isinstance(form, ServedSequencesByIndex)
    return form


def test_a_history_is_answered_by_the_index_without_its_items(by_history, sequences):
    exact = forms.served_form(sequences, k=5, max_k=20, index="exact")
    asked = strings([["i3", "i90", "strange", "i7"], ["", "", "i5", "i5"]])
    found = by_history.recommend_from_history(asked)["item_id"].numpy()
    right = exact.recommend_from_history(asked)["item_id"].numpy()
    assert len(set(found.ravel()) & set(right.ravel())) >= 0.6 * right.size
    assert not {b"i3", b"i90", b"i7"} & set(found[0]) and b"i5" not in found[1]
    again = ServedSequencesByIndex(sequences, recall=0.8, repeats=True, k=20)
    found = again.recommend_from_history(asked)["item_id"].numpy()
    right = ServedSequences(sequences, repeats=True, k=20).recommend_from_history(asked)
    assert len(set(found.ravel()) & set(right["item_id"].numpy().ravel())) >= 24


def test_a_state_is_answered_by_the_index_as_a_history(model):
    size = ar.models.EncoderSize(length=8, dim=8, blocks=1, heads=1, dropout=0.0)
    recurrent = ar.models.gru4rec(model.interactions, size=size)
    served = ServedSequencesByIndex(recurrent, recall=0.5, k=5, max_k=20)
    state = served.start_state(strings([["i3"], ["strange"]]))["state"]
    found = served.recommend_from_state(
        state,
        strings([["i90"], [""]]),
        tf.constant([5, 5]),
        strings([["i3", "strange"], ["", ""]]),
        strings([[""], [""]]),
    )
    right = served.recommend_from_history(strings([["i3", "i90"], ["", ""]]))
    np.testing.assert_array_equal(found["item_id"], right["item_id"])
    np.testing.assert_allclose(found["score"], right["score"], rtol=1e-5, atol=1e-5)


def test_a_history_has_limits_of_its_own_and_allowed_items_are_answered_exactly(
    by_history, sequences
):
    exact = forms.served_form(sequences, k=5, max_k=20, index="exact")
    histories = strings([["i3", "i90"], ["i3", "i90"], ["strange", ""]])
    best = by_history.recommend_from_history(histories)["item_id"].numpy()
    asked = {
        "item_id": histories,
        "k": tf.constant([3, 2, 1]),
        "exclude_item_id": strings([[best[0][0]], [""], [best[2][0]]]),
        "allow_item_id": strings([["", ""], ["i1", "i3"], ["", ""]]),
    }
    found = by_history.recommend_from_history_restricted(**asked)
    right = exact.recommend_from_history_restricted(**asked)
    assert found["item_id"].numpy()[0].tolist() == best[0][1:4].tolist()
    assert found["item_id"].numpy()[1].tolist() == [b"i1", b"", b""]  # i3 is in the history
    np.testing.assert_array_equal(found["item_id"][1:], right["item_id"][1:])
    np.testing.assert_allclose(found["score"][1:], right["score"][1:], rtol=1e-5)
    scored = {"item_id": histories, "candidate_item_id": strings([["i3", "i1"]] * 3)}
    answers = (form.score_from_history(**scored)["score"] for form in (by_history, exact))
    np.testing.assert_allclose(*answers, rtol=1e-5)


def test_who_has_no_history_is_answered_with_what_is_popular(by_history, sequences):
    exact = forms.served_form(sequences, k=5, max_k=20, index="exact")
    asked = strings([["strange", ""], ["i3", "i4"]])
    np.testing.assert_array_equal(
        by_history.recommend_from_history(asked)["item_id"][0],
        exact.recommend_from_history(asked)["item_id"][0],
    )
    users = strings(["nobody", "u3"])
    found, right = by_history.serving_default(users), exact.serving_default(users)
    np.testing.assert_array_equal(found["item_id"][0], right["item_id"][0])
    seen = {f"i{item}".encode() for item in sequences.interactions.by_user()[3]}
    assert not seen & set(found["item_id"].numpy()[1])


def test_a_next_item_model_with_an_index_is_exported_and_checked(by_history, tmp_path):
    path = ar.serving.export(by_history, tmp_path / "lists")  # through the C API
    notes = json.loads((path / "assets.extra" / "advrec_tf.json").read_text())
    assert notes["index"] == by_history.report.as_dict() and notes["kind"] == "next item"


def test_counts_of_transitions_have_no_index(model):
    counts = ar.models.Transitions().fit(model.interactions)
    with pytest.raises(ValueError, match='Received: "ivf" for Transitions'):
        forms.served_form(counts, index="ivf")
