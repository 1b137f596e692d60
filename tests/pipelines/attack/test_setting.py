import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.pipelines.attack.setting import choose_targets, load_setting


def test_targets_are_of_their_part_of_the_catalogue():
    counts = [50] * 2 + [20] * 8 + [3] * 6 + [0] * 4
    users, items = zip(*((u, i) for i, n in enumerate(counts) for u in range(n)), strict=True)
    data = Interactions(
        user_index=np.array(users, np.int32),
        item_index=np.array(items, np.int32),
        users=Vocabulary(np.arange(50)),
        items=Vocabulary(np.arange(20)),
    )
    found = choose_targets(data, per_group=5, seed=0)
    assert found["popular"] == (0, 1) and set(found["mid"]) <= set(range(2, 10))
    assert set(found["tail"]) <= set(range(10, 16)) and len(found["tail"]) == 5


def test_a_fake_rates_as_many_items_as_published(data_root):
    assert load_setting("ml100k", root=data_root).fillers == 90


def write_file(path, head, rating):
    """9 users who all rate the same 12 items."""
    path.write_text("\n".join([head, *(rating(u, i) for u in range(9) for i in range(12))]))
    return str(path)


def test_in_other_data_a_fake_rates_as_many_items_as_the_mean_user(tmp_path):
    path = write_file(tmp_path / "own.csv", "user_id,item_id,rating", lambda u, i: f"{u},{i},3")
    own = load_setting(path, rating_column="rating")
    assert own.fillers == round(len(own.split.train) / 9) == 11


def test_own_items_are_a_group_of_targets_by_their_ids(tmp_path):
    path = write_file(tmp_path / "own.csv", "user;item;stars", lambda u, i: f"u{u};i{i};3")
    columns = {"user_column": "user", "item_column": "item", "rating_column": "stars"}
    columns["separator"] = ";"
    found = load_setting(path, own_targets=["i7", "i2", "i7"], **columns)
    ids = found.split.train.items.ids
    assert [ids[t] for t in found.targets["own"]] == ["i7", "i2"]
    assert [found.id_of(t) for t in found.targets["own"]] == ["i7", "i2"]
    assert next(iter(found.targets)) == "own"  # what is attacked where no group is named
    with pytest.raises(ValueError, match="`own_targets` .*such as i0. Received: j9"):
        load_setting(path, own_targets=["i7", "j9"], **columns)


def test_a_scale_from_zero_is_shifted(tmp_path):
    head = "user_id,item_id,rating"
    path = write_file(tmp_path / "zero.csv", head, lambda u, i: f"{u},{i},{(u + i) % 5}")
    found = load_setting(path, rating_column="rating")
    assert found.shift == 1.0 and found.split.train.rating.min() == 1.0
