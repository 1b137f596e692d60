import math

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.defence.features import ProfileFeatures
from advrec_tf.defence.item_statistics import item_statistics


def rows_of(triples, *, users=None, items=4, rated=True):
    """(user, item, rating) -> Interactions."""
    user, item, rating = (np.array(column) for column in zip(*triples, strict=True))
    return Interactions(
        user_index=user.astype(np.int32),
        item_index=item.astype(np.int32),
        users=Vocabulary(np.arange(users or user.max() + 1)),
        items=Vocabulary(np.arange(items)),
        rating=rating.astype(np.float32) if rated else None,
    )


# Item means: 0 -> 3 (from 2, 4), 1 -> 4 (from 4), 3 unrated. Global mean 10 / 3. Degrees 2, 1.
REFERENCE = rows_of([(0, 0, 2.0), (1, 0, 4.0), (1, 1, 4.0)], users=2)


@pytest.fixture(scope="module")
def table():
    # One user: 5 on item 0 (deviation 2, degree 2), 3 on item 1 (deviation -1, degree 1).
    judged = rows_of([(0, 0, 5.0), (0, 1, 3.0)], users=2)
    return ProfileFeatures(neighbors=1).fit(REFERENCE)(judged)


def value(table, name, user=0):
    return table.column(name)[user]


def test_the_deviations_from_agreement_equal_the_values_worked_by_hand(table):
    # rdma (2/2 + 1/1) / 2; wdma (2/4 + 1/1) / 2; wda 2/2 + 1/1
    assert value(table, "rdma") == pytest.approx(1.0)
    assert value(table, "wdma") == pytest.approx(0.75)
    assert value(table, "wda") == pytest.approx(2.0)


def test_filler_and_target_features_equal_the_values_worked_by_hand(table):
    # P_T = {item 0: 5}, P_F = {item 1: 3}: |5 - 3|, and the filler deviates by -1.
    assert value(table, "fmtd") == pytest.approx(2.0)
    assert value(table, "mean_var") == pytest.approx(1.0)


def test_hv_equals_the_value_worked_by_hand(table):
    # m_u = 4, m = 10/3: (5 - 3 - 4 + 10/3)^2 + (3 - 4 - 4 + 10/3)^2 = (4/3)^2 + (5/3)^2 = 41/9,
    # over (5 - 4)^2 + (3 - 4)^2 = 2
    assert value(table, "hv") == pytest.approx(41 / 18)


def test_the_rating_distribution_is_measured_in_bits_and_shares(table):
    # Two different ratings: 1 bit. The reference's scale is 2..4: one of two rows is >= 4.
    assert value(table, "entropy") == pytest.approx(1.0)
    assert value(table, "top_share") == pytest.approx(0.5)
    assert value(table, "low_share") == 0.0


def test_degrees_of_the_profile_equal_the_values_worked_by_hand(table):
    # Degrees 2 and 1: mean 1.5, range 1, lower quartile (place 0 of 2) 1.
    assert value(table, "mud") == pytest.approx(1.5)
    assert value(table, "rud") == pytest.approx(1.0)
    assert value(table, "qud") == pytest.approx(1.0)
    low, high = math.log(2), math.log(3)
    assert value(table, "popularity") == pytest.approx((low + high) / 2)
    assert value(table, "pop_spread") == pytest.approx((high - low) / 2)


def test_the_length_is_compared_with_the_references(table):
    # Lengths 1 and 2: mean 1.5, sum of squares .5; the profile has 2 rows: .5 / max(.5, 1).
    assert value(table, "length_var") == pytest.approx(0.5)
    assert value(table, "length") == pytest.approx(math.log(2))


def test_length_variance_divides_by_the_sum_of_squares():
    # Lengths 1 and 3: mean 2, sum of squares 2; a profile of 3 rows: 1 / 2.
    reference = rows_of([(0, 0, 1.0), (1, 0, 1.0), (1, 1, 1.0), (1, 2, 1.0)])
    found = ProfileFeatures().fit(reference)(reference)
    assert found.column("length_var").tolist() == pytest.approx([0.5, 0.5])


def test_an_item_without_a_reference_row_is_new_and_has_the_global_mean():
    judged = rows_of([(0, 3, 5.0), (0, 0, 3.0)])
    found = ProfileFeatures().fit(REFERENCE)(judged)
    assert value(found, "new_share") == pytest.approx(0.5)
    # |5 - 10/3| / 1 for the new item, 0 for the other, over two rows
    assert value(found, "rdma") == pytest.approx((5 - 10 / 3) / 2)


def test_popularity_classes_hold_equal_shares_of_the_reference_rows():
    # Degrees 1, 1, 1, 1, 4 of 8 rows, rarest first: classes floor(5 * before / 8) of
    # before = 0, 1, 2, 3, 4: 0, 0, 1, 1, 2.
    rows = [(0, i, 1.0) for i in range(5)] + [(u, 4, 1.0) for u in (1, 2, 3)]
    found = item_statistics(rows_of(rows, items=5))
    assert found.item_class.tolist() == [0, 0, 1, 1, 2]
    # rows of the classes 2, 2, 4, 0, 0, each with one more, over 8 + 5
    assert found.class_fraction.tolist() == pytest.approx([3 / 13, 3 / 13, 5 / 13, 1 / 13, 1 / 13])


def test_a_profile_spread_as_the_reference_has_no_popularity_shift():
    rows = [(0, i, 1.0) for i in range(5)] + [(u, 4, 1.0) for u in (1, 2, 3)]
    reference = rows_of(rows, items=5)
    one = rows_of([(0, 4, 1.0)], items=5)
    table = ProfileFeatures().fit(reference)(one)
    # One row in class 2 and one spread as the reference: shares (3, 3, 18, 1, 1) / 26.
    fraction = np.array([3, 3, 18, 1, 1]) / 26
    expected = np.sum(fraction * np.log2(fraction / (np.array([3, 3, 5, 1, 1]) / 13)))
    assert value(table, "pop_shift") == pytest.approx(expected)


def test_a_profile_of_one_rating_has_no_filler_and_no_spread():
    found = ProfileFeatures().fit(REFERENCE)(rows_of([(0, 0, 4.0)]))
    for name in ("fmtd", "mean_var", "hv", "entropy"):
        assert value(found, name) == 0.0


def test_a_user_without_a_row_is_not_judged(table):
    assert table.measured.tolist() == [True, False]
    assert np.isnan(table.values[1]).all()
    assert np.isfinite(table.values[0]).all()


def test_without_ratings_the_profile_features_remain():
    reference = rows_of([(0, 0, 0), (1, 0, 0), (1, 1, 0)], rated=False)
    found = ProfileFeatures().fit(reference)(reference)
    assert "rdma" not in found.names and "degsim" in found.names
    assert value(found, "mud", 1) == pytest.approx(1.5)


def test_a_row_without_a_rating_counts_for_the_degree_and_not_for_the_mean():
    rows = rows_of([(0, 0, 2.0), (1, 0, np.nan), (1, 1, 4.0)])
    found = item_statistics(rows)
    assert found.degree[0] == 2 and found.mean[0] == 2.0
    table = ProfileFeatures().fit(rows)(rows)
    assert value(table, "top_share", 1) == 1.0  # of one rated row


def test_columns_are_chosen_by_name_and_an_unknown_one_is_refused(table):
    assert table.only(("hv", "rdma")).values.shape == (2, 2)
    with pytest.raises(ValueError, match="rdma.*Received: nonsense"):
        table.only(("rdma", "nonsense"))


def test_another_catalogue_or_missing_ratings_are_refused():
    features = ProfileFeatures().fit(REFERENCE)
    with pytest.raises(ValueError, match="4 items"):
        features(rows_of([(0, 0, 1.0)], items=5))
    with pytest.raises(ValueError, match="ratings"):
        features(rows_of([(0, 0, 1.0)], rated=False))
    with pytest.raises(ValueError, match="`reference` should not be empty"):
        ProfileFeatures().fit(REFERENCE.select(np.array([], int)))
