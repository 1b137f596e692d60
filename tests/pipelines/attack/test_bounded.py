import numpy as np
import pytest

from advrec_tf.pipelines.attack.bounded import WIDTHS, bounded, rows_of, words_of
from tests.pipelines.attack.test_certificates import KEPT

FOUND = {
    "verified": 156,
    "ndcg_ease": 0.625,
    "seconds": 1.25,
    "seconds_ease": 0.25,
    "curve": [
        {
            "width": 0.5,
            "ndcg_clean": 0.5,
            **KEPT,
        }
    ],
}


def test_a_curve_is_text_in_rows_and_its_cost_in_words():
    head, row = rows_of(FOUND)
    assert len(head) == len(row)
    assert row == ("0.5", "0.5000", "40", "30", "0.750", "0.500", "0.1000", "0.2000", "0.3000")
    assert words_of(FOUND).startswith("EASE within bounds by 156 verified users: each score stays")
    assert "NDCG@10 0.6250 without bounds, 1.2 seconds beside 0.2." in words_of(FOUND)


@pytest.mark.filterwarnings("ignore:Verified users with interactions are")
def test_wider_bounds_keep_less(make_attack_setting):
    split = make_attack_setting().split
    found = bounded(split.train, split.test, split.train.users.ids[:15])
    assert found["verified"] == 15 and [one["width"] for one in found["curve"]] == [*WIDTHS]
    alone, widest = found["curve"][0], found["curve"][-1]
    assert alone["kept"] == alone["hits"] and alone["barred"] == 1.0
    assert widest["kept_share"] < 1.0
    assert 0 < alone["ndcg_clean"] <= 1 and 0 < found["ndcg_ease"] <= 1
    with pytest.raises(ValueError, match="`verified` should hold ids of two users"):
        bounded(split.train, split.test, np.array(split.train.users.ids[:1]))
