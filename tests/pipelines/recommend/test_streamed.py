import dataclasses

import numpy as np
import pytest

from advrec_tf.pipelines.recommend.gan_settings import GanSettings
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.recommend.streamed import prepare_stream, require_streamed
from tests.worlds import interactions_of_times, tiny_world


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    data = tiny_world(60, 20, density=0.4, rated=False)
    data.to_parquet(folder / "one.parquet")
    return data, str(folder / "*.parquet")


def test_all_rows_train_but_those_of_the_two_other_parts(shards):
    data, pattern = shards
    prepared = prepare_stream(pattern, {}, SingleSettings())
    split = prepared.split
    assert len(split.train) + len(split.validation) + len(split.test) == len(data)
    assert len(split.test) == (data.user_counts() >= 3).sum()
    assert prepared.counts["rows"] == len(data) and prepared.counts["read"]["rows_kept"] == len(
        data
    )
    assert prepared.ids.users.vocabulary.ids.tolist() == sorted(data.users.ids.tolist())
    again = prepare_stream(pattern, {}, SingleSettings())
    assert again.split.fingerprint() == split.fingerprint()
    other = prepare_stream(pattern, {}, SingleSettings(split="random_ratio"))
    assert not np.array_equal(other.split.test.item_index, split.test.item_index)


def test_numbers_that_are_times_of_no_unit_are_told(tmp_path, caplog):
    data = interactions_of_times([[3, 1, 2], [2, 3, 1]], [[0, 1, 2], [2, 1, 0]])
    for name, factor in (("positions", 1.0), ("seconds", 1e9)):
        folder = tmp_path / name
        folder.mkdir()
        times = data.timestamp * factor
        dataclasses.replace(data, timestamp=times).to_parquet(folder / "one.parquet")
        with caplog.at_level("INFO", logger="advrec_tf"):
            caplog.clear()
            prepared = prepare_stream(str(folder), {"time_column": "timestamp"}, GanSettings())
        assert prepared.time_column == "timestamp"
        told = "note: All 2 times lie before 3 March 1973 in every unit (" in caplog.text
        assert told is (name == "positions")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "autoencoder"}, "`model` should be two_tower, factorization or auto"),
        ({"minimum_rating": 3.0}, "`minimum_rating` should be absent"),
        ({"use_features": True}, "`use_features` should be off"),
        ({"use_context": True}, "`use_context` should be off"),
    ],
)
def test_settings_that_need_all_rows_are_refused(given, said):
    require_streamed(SingleSettings())
    with pytest.raises(ValueError, match=said):
        require_streamed(SingleSettings(**given))
