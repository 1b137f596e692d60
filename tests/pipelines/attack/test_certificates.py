import pytest

from advrec_tf.pipelines.attack.certificates import certified, rows_of, words_of

FOUND = {
    "settings": {"num_models": 3000, "subset_size": 10, "votes_each": 25},
    "ndcg": 0.5,
    "ndcg_ease": 0.625,
    "seconds": 19.4,
    "seconds_ease": 0.25,
    "curve": [
        {
            "num_fakes": 10,
            "hits": 40,
            "kept": 30,
            "kept_share": 0.75,
            "barred": 0.5,
            "precision": 0.1,
            "recall": 0.2,
            "ndcg": 0.3,
            "confidence": 0.999,
        }
    ],
}


def test_a_curve_is_text_in_rows_and_its_cost_in_words():
    head, row = rows_of(FOUND)
    assert len(head) == len(row)
    assert row == ("10", "40", "30", "0.750", "0.500", "0.1000", "0.2000", "0.3000")
    assert words_of(FOUND).startswith(
        "3,000 models of EASE on 10 random users each, which vote for 25 items: NDCG@10 0.5000 "
        "beside 0.6250 of EASE, 19 seconds beside 0.2. For each user with a confidence of 99.9 %"
    )


def test_the_numbers_of_fakes_are_1_10_and_fractions_of_the_users(make_runner):
    found = certified(make_runner(), 20)  # .2, .5 and 1 % of 50 users are one at least
    assert [one["num_fakes"] for one in found["curve"]] == [1, 10]
    assert found["settings"]["num_models"] == 20 and 0 <= found["ndcg"] <= 1
    with pytest.raises(ValueError, match="`num_models`"):
        certified(make_runner(), 0)
