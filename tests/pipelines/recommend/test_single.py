import numpy as np
import pytest

from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.compositional import MultiHash, QuotientRemainder
from advrec_tf.pipelines.recommend import page, single
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.recommend.variants import EvaluationSetting
from advrec_tf.pipelines.stages import StageResult
from tests.worlds import interactions_of, tiny_world


def test_the_model_is_chosen_by_columns_and_size(monkeypatch):
    train = tiny_world(10, 8)
    assert single.chosen_model(SingleSettings(), train) == "autoencoder"
    assert single.chosen_model(SingleSettings(use_features=True), train) == "two_tower"
    assert single.chosen_model(SingleSettings(use_context=True), train) == "two_tower"
    assert single.chosen_model(SingleSettings(model="factorization"), train) == "factorization"
    monkeypatch.setattr(single, "LARGE_CATALOGUE", 7)
    assert single.chosen_model(SingleSettings(), train) == "factorization"


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("autoencoder", {"temperature": 0.1}),
        ("factorization", {"drop": 0.5}),
        ("sasrec", {"temperature": 0.1}),
        ("hstu", {"drop": 0.5}),
    ],
)
def test_a_setting_that_the_model_has_not_is_refused(model, given):
    with pytest.raises(ValueError, match=f"should not be given for the model {model}"):
        single.recipe_of(model, SingleSettings(model=model, **given), 100)


def test_what_is_given_takes_the_place_of_the_recipes_own():
    settings = SingleSettings(model="autoencoder", batch_size=17, learning_rate=0.5, epochs=3)
    recipe = single.recipe_of("autoencoder", settings, 100)
    assert (recipe.batch_size, recipe.epochs) == (17, 3)
    assert float(recipe.optimizer().learning_rate) == 0.5
    assert single.recipe_of("two_tower", SingleSettings(), 100).epochs == 40


def test_the_ids_of_two_tower_are_composed_as_the_settings_say():
    tables = {
        ("quotient_remainder", None): QuotientRemainder(),
        ("quotient_remainder", 0.5): QuotientRemainder(share=0.5),
        ("multi_hash", None): MultiHash(),
        ("multi_hash", 0.3): MultiHash(share=0.3),
        (None, None): None,
    }
    for (name, share), table in tables.items():
        settings = SingleSettings(model="two_tower", id_table=name, id_share=share, dim=2)
        assert single.id_table_of(settings) == table
    settings = SingleSettings(model="two_tower", id_table="quotient_remainder", dim=2)
    train = interactions_of([(user, user) for user in range(30)])
    model = single.recipe_of("two_tower", settings, 30).build(train, seed=0)
    # 30 ids of either kind by 6 remainders: 5 + 6 rows of 2
    assert sum(w.shape.num_elements() for w in model.trainable_weights) == 2 * 11 * 2


def test_a_report_tells_how_ids_are_kept_and_how_many_numbers_are_trained():
    settings = SingleSettings(model="two_tower", id_table="multi_hash")
    fitted = StageResult({"parameters": 1234}, {})
    choices = {"id_table": "multi_hash", "parameters": 1234}
    assert single.facts_of(settings, fitted) == choices
    assert single.facts_of(SingleSettings(), StageResult({}, {})) == {}
    shipped = {"shipped_model": "two_tower", "refit": True, "shipped": {"prior_scale": None}}
    text = page._chosen(shipped | choices)
    assert "Ids are composed by `multi_hash`. It has 1,234 trained parameters." in text


def test_a_prior_is_chosen_where_taste_misleads_users_with_few_interactions():
    # 30 users of one interaction each like what is popular; their vectors say the opposite.
    pairs = [(user, 0) for user in range(30)] + [
        (user, item) for user in range(30, 40) for item in (1, 1, 2)
    ]
    train = interactions_of(pairs, 40, 4)
    validation = interactions_of([(user, 1) for user in range(30)], 40, 4)
    fitted = StageResult(
        {},
        {
            "user_vectors": np.ones((40, 1), np.float32),
            "item_vectors": np.array([[0.0], [-0.1], [0.0], [0.1]], np.float32),
        },
    )
    setting = EvaluationSetting(
        name="whole", train=train, validation=RankingEvaluator(train, validation), tests={}
    )
    prior, tried = single.choose_prior(fitted, setting, validation, 10)
    assert prior.scale is not None and tried[f"{prior.scale:g}"] > tried["off"]
    few = validation.select(validation.user_index < single.LEAST_USERS - 1)
    assert single.choose_prior(fitted, setting, few, 10) == (single.Prior(None, 10), {})
