"""What makes lists by columns goes from the trained tower through stages into what is shipped."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from advrec_tf.data import splits
from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.new_users import NewUsers
from advrec_tf.perturbations import Perturbation
from advrec_tf.pipelines.recommend import single, single_recipes, variants
from advrec_tf.pipelines.recommend.preparation import Prepared
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.recommend.shipping import load_shipped, save_shipped, ship
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.recommend.variants import Console, EvaluationSetting
from advrec_tf.pipelines.stages import StageStore
from tests.worlds import tiny_world

NEW = pd.DataFrame({"age": [19.0, 55.0, None], "job": ["nurse", "pilot", None]})
HOURS = pd.DataFrame({"hour": [3.0, 23.0, None]})

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def split():
    data = tiny_world(24, 8, density=0.5, rated=False)
    users = np.arange(data.num_users)
    jobs = pd.DataFrame({"age": users + 18.0, "job": np.array(["nurse", "cook"])[users % 2]})
    hours = pd.DataFrame({"hour": np.arange(len(data)) % 24.0})
    return splits.make("last_item", dataclasses.replace(data, user_features=jobs, context=hours))


@pytest.fixture
def console(tmp_path):
    return Console(write=lambda line: None, folder=tmp_path)


def settings_of(**given):
    small = {"dim": 3, "epochs": 1, "batch_size": 64, "prior_max_history": 0}
    return SingleSettings(**{"use_features": True, **small, **given})


def run(split, settings, folder, **store):
    prepared = Prepared(split=split, counts={}, audit=None)
    return single.run(prepared, settings, StageStore(folder, {}, **store), lambda line: None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "tables"),
    [
        ({"adversary": "fgsm", "use_context": True}, (NEW, HOURS)),
        ({"adversary": "none", "refit": False}, (NEW,)),
    ],
)
def test_a_run_ships_the_tower_it_trained_and_again_when_it_is_resumed(
    split, tmp_path, given, tables
):
    settings = settings_of(**given)
    first = run(split, settings, tmp_path).shipped
    # The same training without a run gives the model in memory.
    data = split.everything() if settings.refit else split.train
    wrap = single_recipes.adversary_of("two_tower", settings)
    recipe = single_recipes.recipe_of("two_tower", settings, data.num_items)
    model = recipe.train(data, seed=settings.seed, wrap=wrap, epochs=1).model
    expected = model.new_user_vectors(*tables)
    save_shipped(first, tmp_path)
    resumed = run(split, settings, tmp_path, resume=True).shipped
    for shipped in (first, resumed, load_shipped(tmp_path)):
        found = shipped.new_user_vectors(*tables)
        np.testing.assert_array_equal(found[:, :-1], expected)
        assert (found[:, -1] == 0).all()  # of the popularity prior
        np.testing.assert_array_equal(shipped.item_vectors[:, :-1], model.item_vectors())


def test_a_tower_on_generated_pairs_under_attack_is_shipped_by_the_comparison_with_its_columns(
    split, console, tmp_path, monkeypatch
):
    trained, original = [], variants.trained
    monkeypatch.setattr(
        variants, "trained", lambda *a, **k: trained.append(original(*a, **k)) or trained[-1]
    )
    validation = RankingEvaluator(split.train, split.validation)
    setting = EvaluationSetting(name="whole", train=split.train, validation=validation, tests={})
    settings = RecommenderSettings(use_features=True, embedding_dim=3, batch_size=64, epochs=1)
    pairs = AugmentedInteractions(
        real=split.train,
        user_index=np.array([0, 1], np.int32),
        item_index=np.array([3, 4], np.int32),
        weight=0.3,
        fraction=0.125,
        source="gan",
    )
    result = variants.train_tower(
        setting,
        settings,
        console,
        "whole tower 0",
        tmp_path / "checkpoint.npz",
        seed=0,
        temperature=0.12,
        perturbation=Perturbation(epsilon=0.1, relative=True),
        augmented=pairs,
    )
    expected = trained[0].model.new_user_vectors(NEW)
    np.testing.assert_array_equal(NewUsers.from_arrays(result.arrays).vectors(NEW), expected)
    comparison = SimpleNamespace(
        settings=settings,
        seeds=[0],
        results={"whole": {"tower": [result]}},
        keep=lambda setting, model, result: None,
    )
    shipped, _ = ship(comparison, setting, None)
    save_shipped(shipped, tmp_path)
    for model in (shipped, load_shipped(tmp_path)):
        np.testing.assert_array_equal(model.new_user_vectors(NEW)[:, :-1], expected)


@pytest.mark.parametrize("given", [{"use_features": False, "use_context": False}, {}])
def test_a_tower_without_columns_of_users_keeps_its_vectors_alone(split, given):
    if not given:  # features of items alone
        items = pd.DataFrame({"price": np.arange(8.0)})
        data = dataclasses.replace(split.train, user_features=None, item_features=items)
    else:
        data = split.train
    settings = settings_of(model="two_tower", **given)
    model = single_recipes.recipe_of("two_tower", settings, 8).build(data, seed=0)
    assert set(variants.kept_of(model)) == {"user_vectors", "item_vectors"}
