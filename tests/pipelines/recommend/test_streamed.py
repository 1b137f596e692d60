import numpy as np
import pytest

from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.recommend.streamed import prepare_stream, require_streamed
from tests.worlds import tiny_world


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
