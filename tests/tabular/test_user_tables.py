import dataclasses

import numpy as np
import pandas as pd

from advrec_tf.tabular.user_tables import user_table
from tests.worlds import interactions_of

DAY = 86_400.0
# user 0 has items 0 and 1 on two days, user 1 has item 1, user 2 has nothing
PAIRS = [(0, 0), (0, 1), (1, 1)]


def world(**columns):
    data = interactions_of(
        PAIRS, 3, 2, timestamp=np.array([0.0, 3 * DAY, DAY + 5]), rating=np.array([1.0, 4.0, 5.0])
    )
    return dataclasses.replace(data, **columns)


def test_a_row_is_a_user_with_an_interaction_and_its_figures_are_those_worked_by_hand():
    table = user_table(world())
    assert table["interactions"].tolist() == [2, 1]
    assert table["active_days"].tolist() == [2, 1]
    assert table["first_day"].tolist() == [pd.Timestamp("1970-01-01"), pd.Timestamp("1970-01-02")]
    # item 0 has one interaction, item 1 two: mean of log10 1 and log10 2
    assert table["mean_popularity"].tolist() == [0.15, 0.3]
    assert table["mean_rating"].tolist() == [2.5, 5.0]
    assert table["rating_deviation"].tolist() == [1.5, 0.0]


def test_user_features_are_joined_and_the_postal_code_is_left_out():
    features = pd.DataFrame({"age": [30, 40, 50], "zip": ["a", "b", "c"]})
    table = user_table(world(user_features=features))
    assert table["age"].tolist() == [30, 40] and "zip" not in table
    assert "zip" in user_table(world(user_features=features), without=())


def test_the_favorite_genre_is_that_of_most_items_and_years_are_averaged():
    items = pd.DataFrame({"genre_drama": [1, 0], "genre_war": [0, 1], "year": [1990.0, 2000.0]})
    table = user_table(world(item_features=items))
    assert table["favorite_genre"].tolist() == ["drama", "war"]  # a tie goes to the first
    assert table["mean_year"].tolist() == [1995.0, 2000.0]


def test_without_times_and_ratings_the_table_has_neither():
    table = user_table(world(timestamp=None, rating=None))
    assert list(table) == ["interactions", "mean_popularity"]
