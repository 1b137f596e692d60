import dataclasses

import numpy as np
import pytest

pytest.importorskip("sklearn")

from advrec_tf.pipelines.fraud import ranking
from advrec_tf.pipelines.fraud.reasons import WORDS, _overlap_in_words, reasons


def test_a_reason_states_the_value_the_usual_one_and_how_many_users_it_passes(attacked_verdicts):
    verdicts, data, user = attacked_verdicts
    text = "; ".join(reasons(verdicts, data, user))
    assert "(usual " in text and "% of users)" in text


def test_passed_users_are_counted_on_the_side_that_is_unusual(attacked_verdicts):
    verdicts, data, user = attacked_verdicts
    values = verdicts.table.values[verdicts.table.measured]
    text = reasons(verdicts, data, user)[0]
    name = next(name for name, words in WORDS.items() if text.startswith(words))
    place = verdicts.table.names.index(name)
    value = verdicts.table.values[user, place]
    fraction = (
        (values[:, place] < value).mean()
        if "more than" in text
        else (values[:, place] > value).mean()
    )
    assert f"than {min(fraction, 0.99):.0%} of users" in text


def test_what_rests_on_times_that_mix_units_says_so(attacked_verdicts):
    verdicts, data, user = attacked_verdicts
    names, rows = ("lockstep", "entropy"), data.num_users
    values = np.stack([np.arange(rows) == user, np.zeros(rows)], axis=1) * 1.0
    table = dataclasses.replace(verdicts.table, names=names, values=values)
    verdicts = dataclasses.replace(
        verdicts, table=table, importance={"lockstep": 1.0}, overlap=None, signs={}
    )
    (plain,) = reasons(verdicts, data, user)
    (mixed,) = reasons(dataclasses.replace(verdicts, mixed_times=True), data, user)
    assert plain.startswith(WORDS["lockstep"]) and "units" not in plain
    assert mixed == plain[:-1] + "; by times that may mix units)"


def test_a_common_target_is_named(attacked_verdicts):
    verdicts, data, _ = attacked_verdicts
    overlap = verdicts.overlap
    overlap.signals[105] = [0.0, 0.0, 1.0, 9.0]  # the words are asked for, not the measurement
    verdicts.signs["overlap"][105] = 1.0
    place = int(np.searchsorted(overlap.overlaps.users, 105))
    item = data.items.ids[overlap.common_target.item[place]]
    text = _overlap_in_words(overlap, data, 105)
    assert text.startswith("its 16 items go together no better than if drawn by popularity")
    assert f"who rated item {item} alike" in text


@pytest.mark.parametrize("rated", [True, False])
def test_a_copy_is_flagged_with_whom_it_is_of(copies, rated):
    data = copies(100, rated=rated)
    verdicts = ranking.detect(data, day=None)
    user = int(np.flatnonzero(data.users.ids == "copier")[0])
    assert verdicts.flagged[user] and verdicts.signs["overlap"][user] >= 0.5
    text = reasons(verdicts, data, user)[0]
    assert "of its 15 items are also those of u3;" in text and "popularity explains" in text
