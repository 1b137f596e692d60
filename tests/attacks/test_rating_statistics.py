import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks.rating_statistics import RatingStatistics, above_zero, ratings_by_user
from tests.worlds import interactions_of

# counts 3, 2, 2, 1, 0; means 4, 5, 1.5, 2, -; global mean (12 + 10 + 3 + 2) / 8 = 3.375
TRIPLES = [(0, 0, 4), (1, 0, 5), (2, 0, 3), (0, 1, 5), (1, 1, 5), (0, 2, 1), (1, 2, 2), (2, 3, 2)]


def test_statistics_of_items_are_those_worked_by_hand():
    statistics = RatingStatistics.of(interactions_of(TRIPLES, 3, 5))
    assert statistics.item_mean.tolist() == [4, 5, 1.5, 2, 3.375] and statistics.mean == 3.375
    assert statistics.levels.tolist() == [1, 2, 3, 4, 5]
    assert statistics.by_popularity().tolist() == [0, 1, 2, 3, 4]
    assert statistics.on_scale(np.array([-3, 1.4, 1.5, 4.6, 9])).tolist() == [1, 1, 2, 5, 5]


def test_ratings_of_zero_are_refused_and_shifted_on_request(ratings):
    low = dataclasses.replace(ratings, rating=ratings.rating - 1)
    with pytest.raises(ValueError, match="should have ratings above 0.*Received ratings from 0 on"):
        RatingStatistics.of(low)
    shifted, by = above_zero(low)
    assert by == 1.0 and (shifted.rating == ratings.rating).all()
    assert above_zero(ratings) == (ratings, 0.0)


def test_data_without_any_rating_is_refused():
    empty = interactions_of([], 2, 2)
    with pytest.raises(ValueError, match="should not be empty"):
        RatingStatistics.of(empty)
    with pytest.raises(ValueError, match="Received NaN alone"):
        RatingStatistics.of(interactions_of([(0, 0, np.nan)]))


def test_the_last_rating_of_a_repeated_pair_counts():
    repeated = interactions_of([(0, 1, 5), (0, 0, 2), (0, 1, 3)])
    assert ratings_by_user(repeated).tolist() == [2.0, 3.0]
