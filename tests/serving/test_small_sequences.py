import json

import numpy as np
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf.data.sequences import NONE
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.recurrence import recurrence_of
from advrec_tf.serving import forms
from advrec_tf.serving.indexed import ServedSequencesByIndex
from advrec_tf.serving.small_sequences import small_network, small_sequences
from advrec_tf.serving.small_vectors import TablesReport

USERS, ITEMS = 40, 300
SIZE = EncoderSize(length=6, dim=8, blocks=1, heads=1, dropout=0.0)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, [USERS, ITEMS], (500, 2)), axis=0).astype(np.int32)
    return ar.data.Interactions(
        user_index=pairs[:, 0],
        item_index=pairs[:, 1],
        users=ar.data.Vocabulary([f"u{i}" for i in range(USERS)]),
        items=ar.data.Vocabulary([f"i{i}" for i in range(ITEMS)]),
        timestamp=np.arange(float(len(pairs))),
    )


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(1)
    centers = rng.normal(size=(15, 8))
    return (centers[rng.integers(0, 15, ITEMS)] + 0.3 * rng.normal(size=(ITEMS, 8))).astype("f4")


@pytest.mark.parametrize("build", [ar.models.sasrec, ar.models.bert4rec])
def test_states_follow_from_the_rows_that_the_table_decodes(data, vectors, build):
    model = build(data, size=SIZE, item_vectors=vectors)
    small = small_network(model)
    decoded = small.item_rows.table.decoded()
    # An eighth of a quarter of the largest entry, about what int8 loses of what is left of a row.
    assert 0 < np.abs(decoded - vectors).max() < 0.02
    again = build(data, size=SIZE, item_vectors=decoded)
    again.encoder.set_weights(model.encoder.get_weights())
    hidden = model.item_rows.embeddings[-1:]
    again.item_rows.embeddings.assign(tf.concat([decoded, hidden], 0))
    history = tf.constant([[NONE, NONE, 3, 299, 0, 7], [NONE] * 5 + [5]])
    np.testing.assert_allclose(
        small.score_history(history), again.score_history(history), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(small.item_vectors(), decoded, atol=1e-6)


def test_a_recurrent_state_follows_too(data, vectors):
    model = ar.models.gru4rec(data, size=SIZE, item_vectors=vectors)
    small = small_network(model)
    history = tf.constant([[NONE, 3, 299, 0], [NONE, NONE, NONE, 5]])
    found = recurrence_of(small).after(history).numpy()
    np.testing.assert_allclose(found, recurrence_of(model).after(history), atol=0.02)
    assert not np.array_equal(found, recurrence_of(model).after(history))


def test_the_price_is_that_of_the_lists(data, vectors):
    order = np.random.default_rng(0).permutation(len(data))
    train, held_out = data.select(np.sort(order[50:])), data.select(np.sort(order[:50]))
    model = ar.models.sasrec(train, size=SIZE, item_vectors=vectors)
    _, report = small_sequences(model, k=5, held_out=held_out)
    assert isinstance(report, TablesReport) and report.users == USERS and report.k == 5
    assert 0.8 < report.overlap <= 1.0
    assert set(report.ndcg) == {"float32", "int8"}


def test_a_model_of_cosines_is_refused(data, vectors):
    objective = ar.models.SampledSoftmax(temperature=0.2, cosine=True)
    model = ar.models.sasrec(data, size=SIZE, item_vectors=vectors, objective=objective)
    with pytest.raises(ValueError, match="such as by cosine"):
        small_network(model)


@pytest.fixture(scope="module")
def form(data, vectors):
    model = ar.models.sasrec(data, size=SIZE, item_vectors=vectors)
    with pytest.warns(UserWarning, match="buys nothing"):
        return forms.served_form(model, k=5, index="ivf", recall=0.6, tables="int8")


def test_the_graph_holds_each_item_once(form):
    assert isinstance(form, ServedSequencesByIndex) and form.tables.kind == "int8"
    rows = [v for v in form.variables if v.shape.rank == 2 and v.shape[0] >= ITEMS]
    # The float32 rows, 300 of 8, are in none of them: what is left of the rows is int8.
    assert not [v.name for v in rows if v.dtype == tf.float32 and v.shape[1] == 8]
    with pytest.raises(ValueError, match='next-item models take "int8" with an index'):
        forms.served_form(ar.models.sasrec(form._in_memory()[2]), index="exact", tables="int8")


@pytest.mark.slow
def test_an_export_answers_as_in_memory_and_says_the_price(form, tmp_path):
    path = ar.serving.export(form, tmp_path / "next_item")
    metadata = json.loads((path / "assets.extra" / "advrec_tf.json").read_text())
    assert metadata["tables"]["kind"] == "int8" and metadata["check"]["answers"] > 0
