import dataclasses

import numpy as np
import pytest

from advrec_tf.pipelines.attack.cell import Cell, check_names, why_unfit

CELL = Cell(attack="average", victim="biased_mf", target=0, group="tail", size=0.1)


def test_a_cell_that_does_not_fit_the_data_says_why(make_attack_setting):
    setting = make_attack_setting(ratings=False)
    assert why_unfit(CELL, setting) == "biased_mf needs ratings"
    implicit = dataclasses.replace(CELL, victim="ease")
    assert why_unfit(implicit, setting) is None
    assert why_unfit(dataclasses.replace(implicit, attack="aush"), setting) == "aush needs ratings"
    assert "gradient" in why_unfit(dataclasses.replace(implicit, defence="apr"), setting)
    unfit = dataclasses.replace(implicit, victim="softmax_mf", defence="subset-ensemble")
    assert why_unfit(unfit, setting) == (
        "subset-ensemble needs a victim that can be trained on a few users each, such as ease"
    )
    assert why_unfit(dataclasses.replace(unfit, defence="level-counts"), setting) is None
    unfit = dataclasses.replace(implicit, victim="popularity", defence="level-counts")
    assert why_unfit(unfit, setting) == (
        "level-counts needs a victim whose scores hold the number of an item's raters, such as "
        "ease; popularity: its score is the number of raters, and nothing is left without it"
    )
    level = dataclasses.replace(implicit, knowledge="white")
    assert "a surrogate of the kind of ease" in why_unfit(level, setting)


def test_a_victim_that_learns_ratings_has_nothing_to_learn_from_equal_ones(make_attack_setting):
    setting = make_attack_setting()
    train = setting.split.train
    equal = dataclasses.replace(train, rating=np.ones(len(train), np.float32))
    split = dataclasses.replace(setting.split, train=equal)
    setting = dataclasses.replace(setting, split=split)
    assert why_unfit(CELL, setting) == (
        "every rating is 1, so there is nothing for biased_mf to learn"
    )
    assert why_unfit(dataclasses.replace(CELL, victim="ease"), setting) is None


def test_an_unknown_name_is_refused_with_those_that_there_are(make_attack_setting):
    setting = make_attack_setting()
    check_names("adaptive", "ease", "none", "tail", setting)
    for names, message in (
        (("x", "ease", "none", "tail"), "`attack` should be one of none, random"),
        (("none", "x", "none", "tail"), "`victim` should be one of "),
        (("none", "ease", "none", "popular"), r"`targets` should be one of tail \(the groups"),
    ):
        with pytest.raises(ValueError, match=message):
            check_names(*names, setting)


def test_the_name_of_a_stage_tells_cells_apart_and_is_safe_in_a_file_name():
    cells = [
        CELL,
        dataclasses.replace(CELL, seed=3),
        dataclasses.replace(CELL, knowledge="white"),
        dataclasses.replace(CELL, attack="average+noise"),
    ]
    names = [cell.name() for cell in cells]
    assert names[0] == "average-biased_mf-none-tail-0-0.1-0"
    assert len(set(names)) == 4 and not any(set("+ /") & set(name) for name in names)


@pytest.mark.parametrize("size", [0.0, -1.0, 50.0, float("nan")])
def test_the_size_of_an_attack_is_a_fraction(size):
    with pytest.raises(ValueError, match=r"`size` should be a fraction in \(0, 1\]"):
        Cell(attack="random", victim="biased_mf", target=0, size=size)
