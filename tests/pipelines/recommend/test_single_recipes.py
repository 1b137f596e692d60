import pytest

from advrec_tf.models.compositional import MultiHash, QuotientRemainder
from advrec_tf.pipelines.recommend import single_recipes
from advrec_tf.pipelines.recommend.single_recipes import chosen_model, id_table_of, recipe_of
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from tests.worlds import interactions_of, tiny_world


def test_the_model_is_chosen_by_columns_and_size(monkeypatch):
    train = tiny_world(10, 8)
    assert chosen_model(SingleSettings(), train) == "autoencoder"
    assert chosen_model(SingleSettings(use_features=True), train) == "two_tower"
    assert chosen_model(SingleSettings(use_context=True), train) == "two_tower"
    assert chosen_model(SingleSettings(model="factorization"), train) == "factorization"
    monkeypatch.setattr(single_recipes, "LARGE_CATALOGUE", 7)
    assert chosen_model(SingleSettings(), train) == "factorization"


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
        recipe_of(model, SingleSettings(model=model, **given), 100)


def test_what_is_given_takes_the_place_of_the_recipes_own():
    settings = SingleSettings(model="autoencoder", batch_size=17, learning_rate=0.5, epochs=3)
    recipe = recipe_of("autoencoder", settings, 100)
    assert (recipe.batch_size, recipe.epochs) == (17, 3)
    assert float(recipe.optimizer().learning_rate) == 0.5
    assert recipe_of("two_tower", SingleSettings(), 100).epochs == 40


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
        assert id_table_of(settings) == table
    settings = SingleSettings(model="two_tower", id_table="quotient_remainder", dim=2)
    train = interactions_of([(user, user) for user in range(30)])
    model = recipe_of("two_tower", settings, 30).build(train, seed=0)
    # 30 ids of either kind by 6 remainders: 5 + 6 rows of 2
    assert sum(w.shape.num_elements() for w in model.trainable_weights) == 2 * 11 * 2
