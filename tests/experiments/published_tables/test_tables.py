import numpy as np
import pytest

from experiments.published_tables.models import MODELS
from experiments.published_tables.tables import TABLES, last_in_file, random_fraction
from tests.worlds import interactions_of


def test_last_in_file_hides_the_last_interactions_of_each_user_but_never_all():
    data = interactions_of([(0, 1), (1, 1), (0, 2), (0, 3), (1, 4), (2, 0)], 3, 5)
    assert last_in_file(2)(data).tolist() == [False, False, True, True, True, False]


def test_random_fraction_hides_the_fraction_of_the_chosen_users():
    data = interactions_of([(u, i) for u in range(200) for i in range(10)], 200, 10)
    hidden = random_fraction(0.3, users=0.5)(data)
    per_user = np.bincount(data.user_index[hidden], minlength=200)
    assert set(per_user) == {0, 3}
    assert 70 < (per_user > 0).sum() < 130
    assert (random_fraction(0.3)(data)).sum() == 600


@pytest.mark.parametrize("name", list(TABLES))
def test_every_entry_of_a_table_is_a_model_and_has_its_ablation_beside_it(name):
    table = TABLES[name]
    assert set(table.models) <= set(MODELS)
    assert not set(table.left_out) & set(table.models)
    for label in table.models:
        ablation = MODELS[label].ablation
        assert ablation is None or ablation in table.models
    for figures in table.published().values():
        assert figures and set(figures) <= set(table.metrics)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name.startswith("ml1m") else ())
        for name in TABLES
    ],
)
def test_choices_never_see_a_test_interaction(name, data_root):
    validation, final = TABLES[name].load(data_root)
    test = final.test.user_index.astype(np.int64) * final.train.num_items + final.test.item_index
    for part in (validation.train, validation.validation):
        keys = part.user_index.astype(np.int64) * part.num_items + part.item_index
        assert not np.isin(test, keys).any()
    assert not len(validation.test) and len(validation.validation)
    hidden = (len(final.train) - len(validation.train)) / len(validation.validation)
    # Nearly: every sixth user has about a sixth of the interactions.
    assert hidden == pytest.approx(TABLES[name].refit * TABLES[name].choose_every, rel=0.03)
    if TABLES[name].choose_every == 1:
        assert hidden == TABLES[name].refit
