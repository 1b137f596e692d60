import numpy as np

from experiments.cold_start import baselines


def test_popularity_by_attributes_is_the_mean_of_the_trained_items_by_hand(make_task):
    task = make_task("items")
    counts, kinds = task.interactions.item_counts(), np.arange(60) % 2
    expected = [counts[(kinds == kind) & (counts > 0)].mean() for kind in (0, 1)]
    scores = baselines.popularity_by_attributes(task).scores
    np.testing.assert_allclose(scores[0], np.array(expected)[kinds], rtol=1e-5)


def test_attribute_similarity_is_the_cosine_with_the_history(make_task):
    # Items of one kind only: the cosine is the number of items of that kind in the history.
    task = make_task("warm")
    scores = baselines.attribute_similarity(task).scores
    counts = task.interactions.user_counts()
    np.testing.assert_allclose(scores[2], counts[2] * (np.arange(60) % 2 == 0))


def test_text_similarity_prefers_the_kind_of_the_history(make_task):
    scores = baselines.text_similarity(make_task("warm")).scores
    assert scores[0, ::2].mean() > scores[0, 1::2].mean() + 1
