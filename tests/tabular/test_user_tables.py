import numpy as np
import pytest

from advrec_tf.tabular.user_tables import user_table
from tests.worlds import interactions_of

DAY = 86_400


def test_a_row_a_user_counts_days_and_averages_the_ratings_there_are():
    data = interactions_of(
        [(0, 0), (1, 1), (0, 1), (0, 2)],
        3,
        rating=[np.nan, 2, 3, 5],
        timestamp=[2 * DAY + 5, DAY, 2 * DAY + 9, 4 * DAY],
    )
    table = user_table(data)  # user 2 has no interaction
    assert table["interactions"].tolist() == [3, 1]
    assert table["mean_rating"].tolist() == [4, 2] and table["rating_deviation"].tolist() == [1, 0]
    assert table["active_days"].tolist() == [2, 1]
    assert table["first_day"].dt.strftime("%Y-%m-%d").tolist() == ["1970-01-03", "1970-01-02"]


def test_times_that_cannot_be_seconds_are_refused():
    data = interactions_of([(0, 0), (1, 1)], timestamp=[1.7e12, 1.7e12])
    with pytest.raises(ValueError, match="seconds since 1970.*milliseconds"):
        user_table(data)
