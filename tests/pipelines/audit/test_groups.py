import numpy as np
import pandas as pd
import pytest

from advrec_tf.pipelines.audit import groups
from tests.worlds import interactions_of_counts


def data_with(**columns):
    table = pd.DataFrame(columns)
    return interactions_of_counts([1] * len(table), 1, user_features=table)


def test_columns_of_few_values_are_groups_and_numbers_are_cut_at_their_median():
    data = data_with(
        city=["a", "b", None, "a"],
        age=[1.0, 2.0, 3.0, np.nan],
        zip=["1", "2", "3", "4"],
        tags=[["x"], ["y"], ["x"], ["y"]],
        same=["z"] * 4,
    )
    data_of_ages = data_with(age=np.arange(20.0))
    found = {grouping.column: grouping for grouping in groups.attributes(data)}
    assert list(found) == ["city", "age", "zip"]
    assert found["city"].names == ("a", "b") and found["city"].group.tolist() == [0, 1, -1, 0]
    (age,) = groups.attributes(data_of_ages)
    assert age.names == ("up to 9.5", "over 9.5") and age.group.sum() == 10


def test_named_columns_may_have_many_values_and_must_exist():
    data = data_with(zip=[str(i) for i in range(12)])
    assert groups.attributes(data) == []
    assert len(groups.attributes(data, ["zip"])[0].names) == 12
    with pytest.raises(ValueError, match="`--group-column` should name columns of users: zip"):
        groups.attributes(data, ["city"])


def test_small_groups_are_left_out():
    grouping = groups.Grouping(
        column="c", names=("few", "many", "some"), group=np.repeat([0, 1, 2], [3, 10, 12])
    )
    found = grouping.of(np.arange(25))
    assert found.names == ("many", "some")
    assert np.bincount(found.group + 1).tolist() == [3, 10, 12]


def test_activity_is_cut_at_the_median():
    found = groups.activity(interactions_of_counts([1, 2, 5], 5))
    assert found.names == ("up to 2 interactions", "over 2") and found.group.tolist() == [0, 0, 1]
