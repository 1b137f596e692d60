from experiments.next_item_robustness.tuning import strongest


def tuned(least, **values):
    asked = []

    def measure(strength):
        asked.append(strength)
        return values[f"at_{strength}"]

    return strongest((1, 2, 3), measure, least), asked


def test_the_last_before_the_first_that_is_too_dear_is_chosen():
    found, asked = tuned(0.98, at_1=1.0, at_2=0.98, at_3=0.5)
    assert found.strength == 2 and found.within and asked == [1, 2, 3]


def test_none_is_tried_beyond_one_that_is_too_dear():
    found, asked = tuned(0.98, at_1=1.0, at_2=0.9, at_3=1.0)
    assert found.strength == 1 and found.within and asked == [1, 2]
    assert found.as_dict() == {"strength": 1, "tried": [[1, 1.0], [2, 0.9]], "within": True}


def test_the_weakest_stands_where_all_are_too_dear():
    found, asked = tuned(0.98, at_1=0.9)
    assert found.strength == 1 and not found.within and asked == [1]
