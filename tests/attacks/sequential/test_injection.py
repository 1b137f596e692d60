import numpy as np
import pytest

from advrec_tf.attacks.sequential.injection import inject_histories
from tests.attacks.sequential.five_users import DATA, TARGET, rng


def test_without_times_the_rows_say_the_order():
    found = inject_histories(
        DATA, np.array([[-1, 7, 1, 7]]), targets=TARGET, attack="by hand", rng=rng()
    )
    assert found.interactions.item_index[-3:].tolist() == [7, 1, 7]
    assert found.interactions.timestamp is None


@pytest.mark.parametrize(
    "histories, times, message",
    [
        ([[-1, -1]], None, "`histories` should each hold an item"),
        ([[3, 10]], None, "`histories` should each hold an item"),
        ([[3.0, 1.0]], None, "`histories` should be"),
        ([[3, 1]], [[1.0, 2.0]], "`times` should be"),
    ],
)
def test_histories_that_do_not_fit_are_refused(histories, times, message):
    with pytest.raises(ValueError, match=message):
        inject_histories(
            DATA, np.array(histories), targets=TARGET, attack="x", rng=rng(), times=times
        )
