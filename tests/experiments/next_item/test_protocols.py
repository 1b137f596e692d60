import dataclasses

import numpy as np
import pytest

from advrec_tf.data import splits
from experiments.next_item import protocols
from experiments.next_item.protocols import DATA, Protocol
from tests.worlds import interactions_of

DAY = 86_400


def ring(num_users=30, num_items=12):
    """User u takes u, u + 1, ... u + 3, one a day: what follows an item is always the next one."""
    pairs = [(u, (u + step) % num_items) for u in range(num_users) for step in range(4)]
    times = 1e9 + DAY * np.tile(np.arange(4), num_users)
    return interactions_of(pairs, num_users, num_items, timestamp=times)


def by_day(**settings):
    return Protocol(text="x", split=lambda root: splits.last_day(ring()), days=1.0, **settings)


def test_the_facts_of_the_data_stand_beside_the_figures():
    setting = by_day().setting(None)
    facts = setting.notes
    assert facts["queries"] == 30 and facts["targets per query"] == 1.0
    assert facts["split"] == f"last_day, day {float(DAY)}"
    assert facts["targets never seen before the test part"] == "0.00%"
    assert facts["ties"].startswith("0.0% of neighboring interactions")
    assert len(setting.interactions) == 60 and len(setting.validation.queries) == 30


def test_closed_forms_are_fitted_on_all_before_the_test_where_nobody_published_otherwise():
    assert len(by_day().setting(None).fitted) == 60
    assert len(by_day(refit=True).setting(None).fitted) == 90


def test_settings_are_chosen_on_a_sample_where_there_are_many_queries(monkeypatch):
    monkeypatch.setattr(protocols, "CHOOSING_USERS", 7)
    setting = by_day().setting(None)
    assert len(setting.validation.queries) == 7 and len(setting.tests["test"].queries) == 30


def test_sessions_ask_at_every_click_and_keep_the_history():
    data = ring()
    users = data.user_index

    def split(root):
        train, validation, test = (data.select(users % 3 == part) for part in range(3))
        return splits.Split(name="s", train=train, validation=validation, test=test)

    setting = Protocol(text="x", split=split, sessions=True, metrics=("map@3",)).setting(None)
    assert len(setting.tests["test"].queries) == len(setting.validation.queries) == 30
    assert setting.monitor == "map@3"


def test_values_are_kept_by_query():
    setting = by_day().setting(None)
    result = dataclasses.make_dataclass("Found", ["users"])(np.array([2, 0]))
    values = setting.by_user(result, np.array([5.0, 7.0]))
    assert len(values) == 30 and values[[0, 2]].tolist() == [7, 5] and np.isnan(values[1])


def test_published_figures_are_of_columns_that_the_table_has():
    for name, asked in DATA.items():
        for label, protocol in asked.items():
            for model, (figures, source) in protocol.published.items():
                assert set(figures) <= set(protocol.metrics), (name, label, model)
                assert source and 0 < figures["ndcg@10"] < figures["hit_rate@10"] < 1


@pytest.mark.parametrize(("name", "label"), [("s3-beauty", "last day"), ("rsc15-100k", "sessions")])
def test_the_published_files_are_split_as_the_protocol_says(name, label, data_root):
    protocol = DATA[name][label]
    split = protocol.split(data_root)
    if label == "last day":
        assert (split.test.user_counts() > 0).sum() == 20_424
    else:
        assert (split.validation.user_counts() > 0).sum() == 1779  # a tenth of 17,794
        first = [part.timestamp.min() for part in (split.train, split.validation, split.test)]
        assert first == sorted(first)
