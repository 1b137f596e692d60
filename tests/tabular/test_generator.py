import numpy as np
import pandas as pd
import pytest

from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.controls import CONTROLS
from advrec_tf.tabular.disclosure import duplicate_fraction
from advrec_tf.tabular.transform import TableTransform


def test_conditions_on_unknown_columns_values_or_lengths_are_refused(untrained):
    with pytest.raises(ValueError, match="`conditions` should be on group, day.*Received: value"):
        untrained.generate(3, {"value": 1.0})
    with pytest.raises(ValueError, match="Column 'group'.*Received: 'middle'"):
        untrained.generate(3, {"group": "middle"})
    with pytest.raises(ValueError, match="should have 3 values for 'group'. Received: 2"):
        untrained.generate(3, {"group": ["left", "left"]})
    with pytest.raises(ValueError, match="`n` should be >= 1"):
        untrained.generate(0)


def test_copies_of_refused_rows_are_drawn_anew(frame, transform):
    bootstrap = CONTROLS["bootstrap"](transform, frame)
    few = len(frame) // 50
    bootstrap.refuse_copies_of(frame.iloc[:few])
    rows = bootstrap.generate(300)
    allowed = frame.iloc[few:].merge(rows, how="inner")
    assert bootstrap.copies_left == 0 < bootstrap.copies_drawn
    assert len(rows.merge(frame.iloc[:few].drop_duplicates(), how="inner")) == 0
    assert len(allowed) > 0


def test_copies_that_cannot_be_avoided_are_counted(frame, transform):
    bootstrap = CONTROLS["bootstrap"](transform, frame)
    bootstrap.refuse_copies_of(frame)
    bootstrap.generate(30)
    assert bootstrap.copies_left == bootstrap.copies_drawn == 30


def test_what_several_people_share_is_no_copy():
    frame = pd.DataFrame({"plan": ["a"] * 60 + ["b", "c"], "active": [1] * 60 + [0, 0]})
    schema = table_schema.infer(frame)
    transform = TableTransform.fit(frame, schema)
    bootstrap = CONTROLS["bootstrap"](transform, frame)
    bootstrap.refuse_copies_of(frame)
    assert len(bootstrap.refused) == 2  # b and c
    written = pd.DataFrame({"plan": ["a", "b", "a", "b"], "active": [1, 0, 1, 1]})
    assert duplicate_fraction(written, frame, schema) == 0.25


def test_a_table_of_few_values_is_not_bent_by_refusing_what_is_rare_in_it():
    # 95 of 100 rows are shared; the five others are a quarter of what is drawn.
    frame = pd.DataFrame({"plan": ["a"] * 95 + list("bcdef"), "churned": [0] * 95 + [1] * 5})
    transform = TableTransform.fit(frame, table_schema.infer(frame))
    rare = frame.iloc[np.r_[0:15, 95:100]]
    bootstrap = CONTROLS["bootstrap"](transform, rare)
    bootstrap.refuse_copies_of(frame)
    rows = bootstrap.generate(400)
    assert bootstrap.copies_left == bootstrap.copies_drawn > 0.05 * 400
    assert rows["churned"].astype(float).mean() == pytest.approx(0.25, abs=0.06)
