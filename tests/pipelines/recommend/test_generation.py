import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.sequences import NONE
from advrec_tf.pipelines.recommend.generation import (
    GeneratedSequences,
    blended,
    counted,
    generated_rows,
    write_csv,
)
from tests.worlds import interactions_of


def test_blended_scores_are_standardized_per_user_and_joined_with_popularity():
    # z-scores of (0, 2): (-1, 1); divided by 2 and joined with popularity (4, 0) at weight .5
    scores = blended(np.array([[0.0, 2.0]]), np.array([[4.0, 0.0]]), 2.0, 0.5)
    np.testing.assert_allclose(scores, [[1.5, 0.5]])


def test_every_sparse_user_is_filled_up_to_the_reach_and_no_further(tiny_prepared, tiny_settings):
    train = tiny_prepared.split.train
    counts = train.by_user().counts
    sparse = np.flatnonzero(counts < tiny_settings.generated_min_history)
    scores = np.random.default_rng(0).random((len(sparse), train.num_items))
    rows = generated_rows(scores, sparse, train, tiny_settings, "noise", None)
    written = np.bincount(rows.user_index, minlength=train.num_users)
    np.testing.assert_array_equal(
        written, np.maximum(tiny_settings.generated_min_history - counts, 0)
    )


def test_the_csv_holds_external_ids_and_the_source(tmp_path, tiny_prepared, tiny_settings):
    train = tiny_prepared.split.train
    sparse = np.flatnonzero(train.by_user().counts < 10)
    scores = np.random.default_rng(0).random((len(sparse), train.num_items))
    rows = generated_rows(scores, sparse, train, tiny_settings, "gan", None)
    write_csv({"gan": rows}, tmp_path / "rows.csv")
    table = pd.read_csv(tmp_path / "rows.csv")
    assert list(table.columns) == ["user_id", "item_id", "source"]
    assert len(table) == len(rows)
    assert set(table["source"]) == {"gan"}
    assert table["user_id"].iloc[0] == train.users.ids[rows.user_index[0]]


def test_the_csv_of_sequences_has_a_line_for_each_item_in_its_place(tmp_path):
    items = np.array([[3, 1], [2, NONE]])
    rows = GeneratedSequences(
        real=interactions_of([(0, 3)], 1, 4, items=list("abcd")), items=items, source="gan"
    )
    assert rows.item_index.tolist() == [3, 1, 2] and counted(rows) == "2 sequences with 3 items"
    write_csv({"gan": rows}, tmp_path / "rows.csv")
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    assert lines == ["sequence,place,item_id,source", "1,1,d,gan", "1,2,b,gan", "2,1,c,gan"]


def test_nothing_generated_still_writes_a_table_with_its_header(tmp_path):
    write_csv({}, tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text() == "user_id,item_id,source\n"


@pytest.mark.parametrize("min_history", [0, -1])
def test_a_reach_below_one_is_refused(tiny_settings, min_history):
    import dataclasses

    with pytest.raises(ValueError, match="generated_min_history"):
        dataclasses.replace(tiny_settings, generated_min_history=min_history)
