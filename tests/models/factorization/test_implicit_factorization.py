import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.factorization.implicit_factorization import ImplicitFactorization
from tests.worlds import interactions_of


def random_ratings(seed=0, users=30, items=20):
    rng = np.random.default_rng(seed)
    pairs = [(u, i) for u in range(users) for i in range(items) if rng.random() < 0.4]
    taste, kind = rng.normal(size=users), rng.normal(size=items)
    rating = [np.clip(round(3 + taste[u] * kind[i]), 1, 5) for u, i in pairs]
    return interactions_of(pairs, users, items, rating=rating)


def test_the_implicit_solution_has_zero_gradient_over_all_cells():
    data = random_ratings()
    model = ImplicitFactorization(dim=3, alpha=5.0, l2=0.7, epochs=2).fit(data)
    known = data.by_user().dense()
    confidence = 1 + 5.0 * known
    error = confidence * (known - model.users @ model.items.T)
    np.testing.assert_allclose(error.T @ model.users, 0.7 * model.items, atol=1e-3)


def test_an_interaction_of_weight_zero_is_as_good_as_absent():
    data = random_ratings()
    weight = (np.arange(len(data)) % 7 > 0).astype(np.float32)
    weighted = ImplicitFactorization(dim=3).fit(data, weight=weight)
    absent = ImplicitFactorization(dim=3).fit(data.select(weight > 0))
    np.testing.assert_allclose(weighted.items, absent.items, atol=1e-5)


def test_a_warm_start_goes_on_where_the_other_fit_stopped():
    data = random_ratings()
    whole = ImplicitFactorization(dim=3, epochs=5).fit(data)
    half = ImplicitFactorization(dim=3, epochs=2).fit(data)
    rest = ImplicitFactorization(dim=3, epochs=3, seed=9).fit(data, start=half)
    np.testing.assert_allclose(rest.items, whole.items, atol=1e-5)


def test_scores_are_a_product_of_vectors_and_higher_for_what_a_user_has():
    data = random_ratings()
    model = ImplicitFactorization(dim=3).fit(data)
    scores = model.score(tf.range(30)).numpy()
    np.testing.assert_allclose(scores, model.user_vectors() @ model.item_vectors().T, atol=1e-5)
    known = data.by_user().dense() > 0
    assert scores[known].mean() > scores[~known].mean() + 0.2


@pytest.mark.parametrize(
    "settings", [{"dim": 0}, {"l2": 0.0}, {"epochs": 0}, {"initial_scale": -1.0}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="`dim` and `epochs` should be >= 1"):
        ImplicitFactorization(**settings)


def test_weights_and_starts_that_do_not_fit_are_refused():
    data = random_ratings()
    with pytest.raises(ValueError, match="`weight` should hold"):
        ImplicitFactorization().fit(data, weight=-np.ones(len(data)))
    with pytest.raises(ValueError, match="`start` should have"):
        ImplicitFactorization(dim=4).fit(
            data, start=ImplicitFactorization(dim=3, epochs=1).fit(data)
        )
    with pytest.raises(ValueError, match="each .* pair once"):
        ImplicitFactorization().fit(interactions_of([(0, 0), (0, 0)]))
