import pytest

from advrec_tf.pipelines.attack.certificates import certified, rows_of, words_of

KEPT = {
    **{"hits": 40, "kept": 30, "kept_share": 0.75, "barred": 0.5},
    **{"precision": 0.1, "recall": 0.2, "ndcg": 0.3},
}
FOUND = {
    "settings": {"num_models": 3000, "subset_size": 10, "votes_each": 25},
    "ndcg": 0.5,
    "ndcg_ease": 0.625,
    "seconds": 19.4,
    "seconds_ease": 0.25,
    "curve": [
        {
            "num_fakes": 10,
            **KEPT,
            "confidence": 0.999,
        }
    ],
}


CURVE = {1: 21, 10: 4000, 500: None}


def test_a_curve_is_text_in_rows_and_its_cost_in_words():
    head, row = rows_of(FOUND)
    assert len(head) == len(row)
    assert row == ("10", "40", "30", "0.750", "0.500", "0.1000", "0.2000", "0.3000")
    assert words_of(FOUND).startswith(
        "3,000 models of EASE on 10 random users each, which vote for 25 items: NDCG@10 0.5000 "
        "beside 0.6250 of EASE, 19 seconds beside 0.2. For each user with a confidence of 99.9 %"
    )


def test_times_that_round_to_nothing_are_less_than_a_tenth():
    text = words_of(FOUND | {"seconds": 0.4, "seconds_ease": 0.01})
    assert "of EASE, 0.4 seconds beside less than 0.1. For" in text


def test_too_few_models_are_said_with_how_many_it_takes():
    (one,) = FOUND["curve"]
    curve = [one | {"num_fakes": fakes, "least_models": least} for fakes, least in CURVE.items()]
    settings = FOUND["settings"] | {"num_models": 1}
    words = words_of(FOUND | {"settings": settings, "curve": curve})
    assert words.startswith("1 model of EASE on 10 random users each, which votes for 25 items")
    assert "1 model is too few to keep anything against 1 or 10 fakes, whatever" in words
    assert "it takes at least 21 against 1, 4,000 against 10, and more" in words
    assert "No number of models keeps anything against 500: too few subsets of 10 users" in words
    assert words_of(FOUND | {"curve": curve[:1]}).endswith("are at least these.")
    three = [curve[0], curve[1], curve[1] | {"num_fakes": 15}]
    text = words_of(FOUND | {"settings": settings, "curve": three})
    assert "anything against 1, 10 or 15 fakes, whatever" in text
    some = words_of(FOUND | {"curve": curve[:2]})  # 3,000 models are enough against 1
    assert "too few to keep anything against 10 fakes, whatever the votes" in some
    assert "it takes at least 4,000 against 10, and more" in some


def test_the_numbers_of_fakes_are_1_10_and_fractions_of_the_users(make_attack_setting):
    split = make_attack_setting().split
    found = certified(split.train, split.test, 20)  # .2, .5 and 1 % of 50 users are one at least
    assert [one["num_fakes"] for one in found["curve"]] == [1, 10]
    # Of 60 users with 10 fakes 10 have no fake in C(50, 10) / C(60, 10) = .14 of the cases.
    assert found["curve"][0]["least_models"] > 20 and found["curve"][1]["least_models"] is None
    assert found["settings"]["num_models"] == 20 and 0 <= found["ndcg"] <= 1
    with pytest.raises(ValueError, match="`num_models`"):
        certified(split.train, split.test, 0)
