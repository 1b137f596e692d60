import json

import numpy as np
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving import forms, small_tables
from advrec_tf.serving.cell_table import CellTable
from advrec_tf.serving.indexed import ServedByIndex
from advrec_tf.serving.lists import NO_ITEM
from advrec_tf.serving.small_vectors import SmallVectorScorer, price

USERS, ITEMS, DIM = 50, 103, 6


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(small_tables, "BLOCK", 20)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, [USERS, ITEMS], (400, 2)), axis=0).astype(np.int32)
    data = ar.data.Interactions(
        user_index=pairs[:, 0],
        item_index=pairs[:, 1],
        users=ar.data.Vocabulary([f"u{i}" for i in range(USERS)]),
        items=ar.data.Vocabulary([f"i{i}" for i in range(ITEMS)]),
    )
    items = rng.normal(size=(ITEMS, DIM))
    items[:, 0] *= 1000  # one wide column, which users hardly read
    users = rng.normal(size=(USERS, DIM))
    users[:, 0] /= 1000
    return VectorRecommender(
        user_vectors=users.astype(np.float32),
        item_vectors=items.astype(np.float32),
        unknown_user=np.zeros(DIM, np.float32),
        interactions=data,
    )


def test_the_price_is_the_overlap_of_lists_and_the_ndcg_of_held_out_rows():
    def rows(pairs):
        index = np.array(pairs, np.int32).reshape(-1, 2)
        users, items = ar.data.Vocabulary(["a", "b"]), ar.data.Vocabulary(["x", "y", "z", "w"])
        return ar.data.Interactions(
            user_index=index[:, 0], item_index=index[:, 1], users=users, items=items
        )

    users = np.eye(2, dtype=np.float32)
    plain = np.array([[9, 1], [8, 4], [7, 3], [6, 2]], np.float32)
    # Without x, which a has seen, a's list of two is y z and becomes w z; b's stays y z.
    small = np.array([[9, 1], [5, 4], [6, 3], [7, 2]], np.float32)
    found = price(
        (users, plain),
        (users, small),
        rows([(0, 0)]),
        kind="int8",
        k=2,
        held_out=rows([(0, 1), (1, 1)]),
    )
    assert found.overlap == 0.75 and found.users == 2 and found.k == 2
    # y is first of both, then third of a: 1 / log2(4).
    assert found.ndcg == pytest.approx({"float32": 1.0, "int8": 0.75})
    assert "ndcg" not in price((users, plain), (users, small), rows([]), kind="int8", k=1).as_dict()


@pytest.mark.parametrize("kind", ["int8", "float16"])
def test_unknown_users_get_exactly_the_popular_items(model, kind):
    served = forms.served_form(model, k=5, max_k=20, tables=kind)
    assert served.tables.kind == kind and served.tables.ndcg is None
    plain = forms.served_form(model, k=5, max_k=20)
    users = tf.constant(["nobody", "u3"])
    for asked in (users, users[:1]):  # beside a known user, and alone
        found, right = (form.serving_default(asked)["item_id"][0] for form in (served, plain))
        np.testing.assert_array_equal(found, right)
    pair = tf.constant(["nobody"]), tf.constant(["i7"])
    np.testing.assert_allclose(served.score(*pair)["score"], plain.score(*pair)["score"], 1e-6)


def by_index(model, monkeypatch, tables, **settings):
    monkeypatch.setattr("advrec_tf.serving.index_tuning.MOST_READ", 1.0)
    settings = {"k": 5, "max_k": 20, "index": "ivf", "recall": 0.5, **settings}
    return forms.served_form(model, tables=tables, **settings)


@pytest.mark.parametrize("tables", ["int8", "float16"])
def test_the_index_reads_the_small_table(model, monkeypatch, tables):
    form = by_index(model, monkeypatch, tables)
    assert isinstance(form, ServedByIndex) and form.tables.kind == tables
    found = form.recommend(
        tf.constant(["u3", "u4"]),
        tf.constant([4, 4]),
        tf.constant([[NO_ITEM], [NO_ITEM]]),
        tf.constant([[NO_ITEM] * 2, ["i1", "i2"]]),
    )
    users, items, _ = form.scorer.arrays()
    for row, user in enumerate((3, 4)):
        listed = [item.decode() for item in found["item_id"].numpy()[row] if item]
        scores = [float(users[user] @ items[int(item[1:])]) for item in listed]
        np.testing.assert_allclose(found["score"].numpy()[row][: len(listed)], scores, 1e-4)


def test_an_export_by_int8_and_an_index_holds_each_item_once_and_states_its_price(
    model, monkeypatch, tmp_path
):
    data = model.interactions
    unseen = [np.setdiff1d(np.arange(ITEMS), own)[0] for own in data.by_user()]
    held_out = ar.data.Interactions(
        user_index=np.arange(USERS, dtype=np.int32),
        item_index=np.array(unseen, np.int32),
        users=data.users,
        items=data.items,
    )
    form = by_index(model, monkeypatch, "int8", held_out=held_out)
    assert isinstance(form.scorer.items, CellTable) and form.index.table is form.scorer.items
    tables = [v for v in form.variables if v.shape.rank == 2 and v.shape[0] >= ITEMS]
    assert [v.name for v in tables] == ["values:0"] and tables[0].dtype == tf.int8
    path = ar.serving.export(form, tmp_path / "small")  # asks all signatures through the C API
    notes = json.loads((path / "assets.extra" / "advrec_tf.json").read_text())
    tables = notes["tables"]
    assert tables["overlap"] > 0.97 and tables["k"] == 5 and tables["users"] == USERS
    assert set(tables["ndcg"]) == {"float32", "int8"}
    assert notes["dim"] == DIM  # the popular list takes no dimension
    card = (path / "MODEL_CARD.md").read_text()
    assert "Vectors are kept as int8: lists of 5 have" in card
    assert f"{tables['ndcg']['int8']:.4f} by int8" in card


def test_where_the_index_does_not_pay_small_tables_have_no_cells(model, monkeypatch):
    monkeypatch.setattr(forms, "INDEX_FROM", ITEMS)
    monkeypatch.setattr("advrec_tf.serving.index_tuning.MOST_READ", 0.001)
    with pytest.warns(UserWarning, match="Lists are exact"):
        form = forms.served_form(model, recall=1.0, tables="int8")
    assert type(form) is forms.ServedRecommender and not isinstance(form.scorer.items, CellTable)


def test_cells_are_of_int8_alone():
    rows, nothing = np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
    with pytest.raises(ValueError, match="`in_cells` should be False .*Received: 'float16'"):
        SmallVectorScorer(rows, rows, rows, nothing, kind="float16", in_cells=True)


def test_what_has_no_vectors_is_refused(model):
    popularity = ar.models.Popularity().fit(model.interactions)
    with pytest.raises(ValueError, match="\"float32\" for a model that is not .*Received: 'int8'"):
        forms.served_form(popularity, tables="int8")
    with pytest.raises(ValueError, match=r"`tables` should be one of .*Received: 'int4'"):
        forms.served_form(model, tables="int4")
