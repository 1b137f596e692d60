import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs
from tensorflow import keras

import advrec_tf as ar
from advrec_tf.data import batches
from advrec_tf.models import in_batch
from advrec_tf.models.retrieval import TwoTower, two_tower
from advrec_tf.text.item_batches import of_items
from tests.worlds import interactions_of

# Item counts 3, 2, 1, 1, 0 of 7 rows.
ROWS = [(0, 0), (0, 1), (1, 0), (1, 2), (2, 0), (2, 1), (3, 3)]
TEMPERATURE = 0.5


DATA = interactions_of(ROWS, num_users=4, num_items=5)


@pytest.fixture(params=["once", "by place"])
def form(request, monkeypatch):
    """Each of the two ways to score the items of a batch, whatever its size."""
    once = request.param == "once"
    monkeypatch.setattr(TwoTower, "one_vector_per_item", once)


def small_tower(data=DATA, **settings):
    settings = {"embedding_dim": 3, "temperature": TEMPERATURE, "seed": 1, **settings}
    return two_tower(data, **settings)


def batch(users, items, generated=None, weight=None):
    return {
        "user_index": tf.constant(users),
        "item_index": tf.constant(items),
        "weight": tf.ones(len(users)) if weight is None else tf.constant(weight, tf.float32),
        "generated": tf.constant([False] * len(users) if generated is None else generated),
        "seed": tf.constant([0, 0]),
    }


def row_losses_by_hand(model, users, items, hidden, log_probability):
    """-log softmax of each row's own column over the columns that are not hidden."""
    u = model.user_tower(tf.constant(users)).numpy().astype(np.float64)
    v = model.item_tower(tf.constant(items)).numpy().astype(np.float64)
    found = []
    for row in range(len(users)):
        logits = [
            (u[row] @ v[column]) / TEMPERATURE - log_probability[column]
            for column in range(len(items))
            if column == row or not hidden[row][column]
        ]
        own = (u[row] @ v[row]) / TEMPERATURE - log_probability[row]
        found.append(np.log(np.exp(logits).sum()) - own)
    return np.array(found)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("logq", [False, True])
def test_without_the_mask_the_loss_is_that_of_tfrs(logq):
    # items 0 and 1 occur twice: accidental hits
    users, items = [0, 1, 2, 3, 0], [0, 0, 1, 3, 1]
    model = small_tower(mask_known=False, logq=logq)
    task = tfrs.tasks.Retrieval(temperature=TEMPERATURE, remove_accidental_hits=True)
    total = task(
        model.user_tower(tf.constant(users)),
        model.item_tower(tf.constant(items)),
        candidate_sampling_probability=tf.constant([3.0, 3, 2, 1, 2]) / 7 if logq else None,
        candidate_ids=tf.constant(items),
    )
    loss = model.compute_loss(batch(users, items))
    assert float(loss) == pytest.approx(float(total) / 5, rel=1e-5)


@pytest.mark.usefixtures("form")
def test_the_loss_is_a_softmax_over_what_is_neither_known_nor_generated():
    # Rows (user, item): the last two are generated. Hidden, beside one's own column:
    #   row 0, user 0 {0, 1}: columns 1 (item 0), 2 (item 1);   row 1, user 1 {0, 2}: 0
    #   row 2, user 2 {0, 1}: 0, 1;   row 3, user 3 {3}: none;   row 4, user 3: 3;
    #   row 5, user 1 {0, 2}: 0, 1;   and for every row the columns 4 and 5
    users, items = [0, 1, 2, 3, 3, 1], [0, 0, 1, 3, 4, 3]
    generated = [False] * 4 + [True] * 2
    known = [{1, 2}, {0}, {0, 1}, set(), {3}, {0, 1, 3}]  # row 5: column 3 is its own item 3
    hidden = [[c in known[r] or c in (4, 5) for c in range(6)] for r in range(6)]
    # share of rows per column; a generated column corrects only its own row's positive, which
    # takes the mean of the batch's shares: of half a row for item 4, 1/7 for item 3
    fraction = np.array([3, 3, 2, 1, 0.5, 1]) / 7
    log_probability = np.log(np.where(generated, fraction.mean(), fraction))
    weight = [1.0, 1, 1, 1, 0.5, 0.25]
    model = small_tower()
    expected = row_losses_by_hand(model, users, items, hidden, log_probability)
    loss = model.compute_loss(batch(users, items, generated, weight))
    assert float(loss) == pytest.approx(float((expected * weight).sum() / 4.75), rel=1e-5)


@pytest.mark.usefixtures("form")
def test_the_correction_for_frequency_shifts_every_logit_by_its_log_share():
    # one dimension, all embeddings alike: logits differ by -log q alone, so the softmax of
    # item i is (1 / q_i) / (1 / q_0 + 1 / q_3) with q = 3/7 and 1/7: 1/4 and 3/4
    model = small_tower(embedding_dim=1)
    for tower in (model.user_tower, model.item_tower):
        tower.set_weights([np.ones_like(w) for w in tower.get_weights()])
    loss = model.compute_loss(batch([1, 3], [0, 3]))
    assert float(loss) == pytest.approx(-(np.log(1 / 4) + np.log(3 / 4)) / 2, rel=1e-5)


def item_gradient(model, inputs, item):
    table = model.item_tower.trainable_variables[0]
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, training=True)
    return tf.convert_to_tensor(tape.gradient(loss, table)).numpy()[item]


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("mask_known", [False, True])
def test_a_generated_item_is_no_negative_of_any_other_row(mask_known):
    # the generated row itself has no weight, so what is left would come from the others
    model = small_tower(mask_known=mask_known)
    users, items = [0, 1, 3, 2], [0, 2, 3, 4]
    apart = batch(users, items, [False] * 3 + [True], [1, 1, 1, 0])
    assert (item_gradient(model, apart, item=4) == 0).all()
    negative = batch(users, items, [False] * 4, [1, 1, 1, 0])
    assert (item_gradient(model, negative, item=4) != 0).all()


@pytest.mark.usefixtures("form")
def test_a_generated_row_teaches_its_own_user_and_item():
    model = small_tower()
    inputs = batch([0, 1, 3, 2], [0, 2, 3, 4], [False] * 3 + [True], [0, 0, 0, 1])
    assert (item_gradient(model, inputs, item=4) != 0).all()


@pytest.mark.usefixtures("form")
def test_a_known_positive_of_the_user_is_no_negative():
    # user 0 has item 1, which is in the batch as the item of user 2
    inputs = batch([0, 2], [0, 1], weight=[1, 0])
    assert (item_gradient(small_tower(), inputs, item=1) == 0).all()
    assert (item_gradient(small_tower(mask_known=False), inputs, item=1) != 0).any()


def gradients_of(model, inputs):
    @tf.function(jit_compile=True)
    def loss_and_gradients():
        with tf.GradientTape() as tape:
            loss = model.compute_loss(inputs, training=True)
        return loss, tape.gradient(loss, model.trainable_variables)

    loss, gradients = loss_and_gradients()
    return [loss.numpy(), *(tf.convert_to_tensor(gradient).numpy() for gradient in gradients)]


@pytest.mark.parametrize("settings", [{}, {"logq": False}, {"mask_known": False}])
def test_both_forms_have_the_same_loss_and_gradients(monkeypatch, settings):
    users, items = [0, 1, 2, 3, 3, 1, 0, 2], [0, 0, 1, 3, 4, 3, 1, 0]
    generated = [False] * 4 + [True] * 2 + [False] * 2
    inputs = batch(users, items, generated, [1, 1, 0.5, 1, 0.5, 1, 1, 0])
    once = gradients_of(small_tower(**settings), inputs)  # 8 places for 5 items
    monkeypatch.setattr(TwoTower, "one_vector_per_item", False)
    for one, other in zip(once, gradients_of(small_tower(**settings), inputs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def rows_embedded(model, inputs):
    found = []
    embed = model.embed_items
    model.embed_items = lambda given, training: (
        found.append(given["item_index"].shape[0]),
        embed(given, training),
    )[1]
    model.compute_loss(inputs)
    return found


def test_no_more_items_are_embedded_than_there_are():
    users, items = [0, 1, 2, 3, 0, 2], [0, 0, 1, 3, 1, 0]
    assert rows_embedded(small_tower(), batch(users, items)) == [5]
    assert rows_embedded(small_tower(), batch(users[:4], items[:4])) == [4]


def test_an_adversary_moves_an_item_once_for_all_its_examples():
    model = small_tower()
    wrapped = ar.AdversarialTraining(model, ar.fgsm(0.1), layers=[item_layer(model)], fraction=1.0)
    inputs = batch([0, 1, 2, 3, 2], [0, 0, 1, 3, 0])
    table = item_layer(model).embeddings
    before = table.numpy()
    # by hand: the gradient of the loss by the rows of the table, each item's over its norm
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs)
    gradient = tf.convert_to_tensor(tape.gradient(loss, table)).numpy()
    norm = np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-12)
    radius = 0.1 * np.linalg.norm(before, axis=1, keepdims=True)
    table.assign(before + radius * gradient / norm)
    worst = float(model.compute_loss(inputs))
    table.assign(before)
    found = wrapped.losses_under_attack(inputs)
    assert float(found["clean_loss"]) == pytest.approx(float(loss), rel=1e-6)
    assert float(found["adversarial_loss"]) == pytest.approx(worst, rel=1e-5)
    assert worst > float(loss)


def item_layer(model):
    (layer,) = (layer for layer in model.item_tower.layers if hasattr(layer, "embeddings"))
    return layer


def test_a_batch_of_one_has_no_negative_and_is_refused_before_the_first_step():
    model = small_tower()
    with pytest.raises(ValueError, match="`batch_size` should be >= 2 .* Received a batch of 1"):
        model.compute_loss(batch([0], [1]))
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    made = batches.of_pairs(DATA, batch_size=1, seed=0)
    with pytest.raises(ValueError, match="a batch of one has none"):
        model.fit(made.dataset(0), steps_per_epoch=1, verbose=0)


@pytest.mark.usefixtures("form")
def test_an_item_nobody_has_gives_no_infinite_loss():
    inputs = batch([0, 1], [4, 4], [True, True])
    assert np.isfinite(small_tower().compute_loss(inputs))


def test_scores_are_cosines_over_the_temperature_and_equal_the_vectors():
    model = small_tower()
    scores = model.score(tf.range(4)).numpy()
    users, items = model.user_vectors(), model.item_vectors()
    np.testing.assert_allclose(users @ items.T, scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(users, axis=1), 1 / TEMPERATURE, rtol=1e-5)
    assert np.abs(scores).max() <= 1 / TEMPERATURE + 1e-5
    np.testing.assert_allclose(model(tf.constant([2])), scores[[2]], rtol=1e-6)


def test_a_table_of_known_pairs_over_the_limit_is_given_up_with_a_warning(monkeypatch):
    monkeypatch.setattr(in_batch, "PAIR_TABLE_LIMIT", 2)  # 4 * 5 bits are 3 bytes
    with pytest.warns(UserWarning, match="`mask_known` needs 0 MiB for 4 x 5 pairs"):
        model = small_tower()
    inputs = batch([0, 1, 2, 3], [0, 2, 1, 3])
    assert float(model.compute_loss(inputs)) == pytest.approx(
        float(small_tower(mask_known=False).compute_loss(inputs))
    )


def blocks():
    """8 users and 8 items in two groups; each user has three of the four items of its group."""
    pairs = [(u, 4 * (u // 4) + i) for u in range(8) for i in range(4) if i != u % 4]
    return interactions_of(pairs, num_users=8, num_items=8)


def test_a_two_tower_learns_which_group_a_user_belongs_to_and_survives_its_weights(tmp_path):
    data = blocks()
    model = small_tower(data, embedding_dim=4, temperature=0.2)
    model.compile(optimizer=keras.optimizers.Adam(0.03))
    made = batches.of_pairs(data, batch_size=12, seed=0)
    model.fit(made.dataset(0), steps_per_epoch=2, epochs=25, verbose=0)
    frame = model.recommend(range(8), k=1)
    # one item of the group is left: the one that was held back
    assert frame["item_id"].tolist() == [4 * (u // 4) + u % 4 for u in range(8)]

    model.save_weights(tmp_path / "weights")
    other = small_tower(data, embedding_dim=4, temperature=0.2, seed=7)
    assert not np.allclose(other.score(tf.range(8)), model.score(tf.range(8)))
    other.load_weights(tmp_path / "weights").expect_partial()
    np.testing.assert_array_equal(other.score(tf.range(8)), model.score(tf.range(8)))


def test_the_logged_loss_is_the_mean_over_the_epoch():
    model = small_tower()
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    made = batches.of_pairs(DATA, batch_size=2, seed=0)
    losses = [float(model.compute_loss(b)) for b in made.dataset(0).take(4)]
    history = model.fit(made.dataset(0), steps_per_epoch=4, epochs=1, verbose=0).history
    assert history["loss"] == [pytest.approx(np.mean(losses), rel=1e-5)]
    assert np.std(losses) > 0.01  # so the last batch alone would show


def test_side_tables_enter_the_towers_only_where_asked_for():
    import pandas as pd

    table = pd.DataFrame({"kind": list("xyxyx")})
    data = dataclasses.replace(DATA, item_features=table)
    names = [w.name for w in small_tower(data, use_features=True).item_tower.weights]
    assert any("kind" in name for name in names)
    assert not any("kind" in w.name for w in small_tower(data).item_tower.weights)


# Batches of few items with many rows, `item_batches.of_items`.


@pytest.mark.parametrize("logq", [False, True])
@pytest.mark.parametrize("mask_known", [False, True])
def test_among_the_same_candidates_the_loss_is_that_of_pairs(logq, mask_known):
    # With one row a hand, items 0 to 3 have 3, 2, 1 and 1 hands: log q is that of the rows.
    users, items = [0, 2, 1, 3], [0, 1, 2, 3]
    model = small_tower(logq=logq, mask_known=mask_known)
    pairs = batch(users, items, weight=[1, 2, 0, 1])
    expected = float(model.compute_loss(pairs))
    found = model.compute_loss(
        {
            **{name: pairs[name] for name in ("user_index", "item_index", "weight", "seed")},
            "candidate_index": tf.constant(items),
            "candidate_open": tf.ones(4, tf.bool),
            "candidate_log_q": tf.math.log(tf.constant([3.0, 2, 1, 1]) / 7),
            "column": tf.range(4),
        }
    )
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_rows_of_one_item_share_its_column_and_a_place_left_over_is_no_candidate():
    # candidates 0, 1, 3 and a place left over; rows (0, 0), (1, 0), (0, 1), (3, 3); user 0 is
    # known to like 0 and 1, user 1 likes 0
    log_q = np.log([0.4, 0.2, 0.2])
    model = small_tower()
    inputs = {
        "user_index": tf.constant([0, 1, 0, 3]),
        "item_index": tf.constant([0, 0, 1, 3]),
        "weight": tf.constant([1.0, 1, 1, 3]),
        "seed": tf.constant([0, 0]),
        "candidate_index": tf.constant([0, 1, 3, 0]),
        "candidate_open": tf.constant([True, True, True, False]),
        "candidate_log_q": tf.constant([*log_q, np.log(0.4)], tf.float32),
        "column": tf.constant([0, 0, 1, 2]),
    }
    u = model.user_tower(inputs["user_index"]).numpy()
    v = model.item_tower(tf.constant([0, 1, 3])).numpy()
    terms = np.exp(u @ v.T / TEMPERATURE - log_q)
    shown = np.array([[1, 0, 1], [1, 1, 1], [0, 1, 1], [1, 1, 1]])
    own = terms[range(4), [0, 0, 1, 2]]
    losses = np.log((terms * shown).sum(1) / own)
    expected = losses @ [1, 1, 1, 3] / 6
    assert float(model.compute_loss(inputs)) == pytest.approx(expected, rel=1e-5)


def test_it_learns_from_few_items_at_a_time_as_well():
    data = interactions_of([(u, i) for u in range(8) for i in range(8) if (u + i) % 2 == 0], 8, 8)
    model = small_tower(data, embedding_dim=8)
    made = of_items(data, items_per_batch=4, rows_per_item=3, seed=0)
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    model.fit(made.dataset(0), steps_per_epoch=made.steps_per_epoch, epochs=20, verbose=0)
    scores = model.score(tf.range(8)).numpy()
    own = (np.arange(8)[:, None] + np.arange(8)) % 2 == 0
    assert scores[own].min() > scores[~own].max()


def test_a_query_in_its_context_is_the_unit_vector_of_user_and_context():
    hours = pd.DataFrame({"hour": list("aabbcca")})
    data = dataclasses.replace(DATA, context=hours)
    model = small_tower(data, use_context=True)
    made = next(iter(batches.of_pairs(data, batch_size=7, seed=0).dataset(0)))
    users = model.user_tower(made["user_index"]).numpy()
    contexts = model.context_tower({"hour": made["context/hour"]}).numpy()
    sums = users + contexts
    expected = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    np.testing.assert_allclose(model.embed_users(made, False), expected, rtol=1e-5)
    # unknown: 3 of 7 interactions are at a, 2 at b and 2 at c
    of_hours = model.context_tower({"hour": tf.constant([0, 1, 2])}).numpy()
    sums = model.user_tower(tf.range(4)).numpy() + np.array([3, 2, 2]) @ of_hours / 7
    queries = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    np.testing.assert_allclose(model.user_vectors(), queries / TEMPERATURE, rtol=1e-5)
    expected = queries @ model.item_vectors().T / TEMPERATURE
    np.testing.assert_allclose(model.score(tf.range(4)), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="`use_context` should be False"):
        small_tower(use_context=True)
