import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.readers.shilling import load_shilling
from advrec_tf.models.factorization.least_squares import GroupedInteractions
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization, largest_of_each
from tests.worlds import interactions_of


def random_ratings(seed=0, users=30, items=20):
    rng = np.random.default_rng(seed)
    pairs = [(u, i) for u in range(users) for i in range(items) if rng.random() < 0.4]
    taste, kind = rng.normal(size=users), rng.normal(size=items)
    rating = [np.clip(round(3 + taste[u] * kind[i]), 1, 5) for u, i in pairs]
    return interactions_of(pairs, users, items, rating=rating)


def test_after_the_last_step_the_gradient_of_the_item_side_is_zero():
    data = random_ratings()
    model = BiasedFactorization(dim=3, l2=0.7, epochs=2).fit(data)
    error = data.rating - model.predict(data)
    of_item = np.zeros((20, 4))
    features = np.concatenate([model.users[:, :-1], np.ones((30, 1))], axis=1)
    np.add.at(of_item, data.item_index, error[:, None] * features[data.user_index])
    np.testing.assert_allclose(of_item, 0.7 * model.items, atol=1e-4)


def test_an_interaction_of_weight_zero_is_as_good_as_absent():
    data = random_ratings()
    weight = (np.arange(len(data)) % 7 > 0).astype(np.float32)
    weighted = BiasedFactorization(dim=3).fit(data, weight=weight)
    absent = BiasedFactorization(dim=3).fit(data.select(weight > 0))
    np.testing.assert_allclose(weighted.items, absent.items, atol=1e-5)


def test_a_warm_start_goes_on_where_the_other_fit_stopped():
    data = random_ratings()
    whole = BiasedFactorization(dim=3, epochs=5).fit(data)
    half = BiasedFactorization(dim=3, epochs=2).fit(data)
    rest = BiasedFactorization(dim=3, epochs=3, seed=9).fit(data, start=half)
    np.testing.assert_allclose(rest.items, whole.items, atol=1e-5)


def test_scores_are_the_predicted_ratings_and_a_product_of_vectors():
    data = random_ratings()
    model = BiasedFactorization(dim=3).fit(data)
    scores = model.score(tf.range(30)).numpy()
    np.testing.assert_allclose(
        scores[data.user_index, data.item_index], model.predict(data), atol=1e-5
    )
    np.testing.assert_allclose(scores, model.user_vectors() @ model.item_vectors().T, atol=1e-5)
    error = np.sqrt(np.mean(np.square(model.predict(data) - data.rating)))
    assert error < 0.7 * data.rating.std()


def test_the_interactions_of_largest_value_are_found_for_each_entity():
    # entity 0: values 1, 5, 2, 4 -> the half 5 and 4; entity 1: one row, floor(.5) = 0
    rows = GroupedInteractions(np.array([0, 1, 0, 0, 0]), np.zeros(5, int), 2)
    found = largest_of_each(rows, np.array([1.0, 9, 5, 2, 4]), 0.5)
    assert found.tolist() == [False, False, True, False, True]


def test_trimming_holds_an_item_against_ratings_that_do_not_fit():
    # 40 users rate item 0 with 2 and 10 more with 5; user 50 rates item 1 alone, as all do.
    pairs = [(u, 0) for u in range(50)] + [(u, 1) for u in range(51)]
    data = interactions_of(pairs, rating=[2] * 40 + [5] * 10 + [4] * 51)
    level = {}
    for trim in (0.0, 0.25):
        model = BiasedFactorization(dim=2, l2=1.0, trim=trim).fit(data)
        level[trim] = float(model.score([50])[0, 0])
    assert level[0.0] > 2.4  # drawn towards (40 * 2 + 10 * 5) / 50 = 2.6
    assert level[0.25] < level[0.0] - 0.2


@pytest.mark.parametrize(
    "settings", [{"dim": 0}, {"l2": 0.0}, {"epochs": 0}, {"initial_scale": -1.0}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="`dim` and `epochs` should be >= 1"):
        BiasedFactorization(**settings)


def test_weights_and_starts_that_do_not_fit_are_refused():
    data = random_ratings()
    with pytest.raises(ValueError, match="`weight` should hold"):
        BiasedFactorization().fit(data, weight=-np.ones(len(data)))
    with pytest.raises(ValueError, match="`start` should have"):
        BiasedFactorization(dim=4).fit(data, start=BiasedFactorization(dim=3, epochs=1).fit(data))
    with pytest.raises(ValueError, match="`trim`"):
        BiasedFactorization(trim=0.5)
    with pytest.raises(ValueError, match="a rating each"):
        BiasedFactorization().fit(interactions_of([(0, 0)]))


def test_the_test_error_on_the_shilling_split_is_the_published_one(data_root):
    # reference: .993 after 10 rounds at 25 factors, l2 4
    split = load_shilling("ml100k", data_root).split
    model = BiasedFactorization().fit(split.train)
    error = np.sqrt(np.mean(np.square(model.predict(split.test) - split.test.rating)))
    assert error == pytest.approx(0.993, abs=0.005)
