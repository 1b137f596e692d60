import json

import pytest

from advrec_tf.commands import configuration
from advrec_tf.pipelines.recommend import tuning
from advrec_tf.pipelines.recommend.single_settings import SingleSettings

pytest.importorskip("optuna", reason="needs the extra `search`")
SETTINGS = SingleSettings(model="autoencoder", adversary="none", dim=100, epochs=1, batch_size=50)


def test_a_search_begins_with_what_is_given_goes_on_and_writes_the_options_of_the_best(
    tiny_prepared, tmp_path
):
    def search(trials, identity=None):
        return tuning.run(
            tiny_prepared, SETTINGS, tmp_path, trials=trials, identity=identity or {"data": "a"}
        )

    first = search(1)
    assert first.trials == {"complete": 1} and first.value == first.default
    assert first.settings.dim == 100 and first.settings.batch_size == 50
    second = search(2)
    assert sum(second.trials.values()) == 2 and second.default == first.value
    assert second.value >= first.value
    options = configuration.read(second.path)
    assert SingleSettings(**options) == second.settings
    assert options["model"] == "autoencoder" and options["epochs"] == 1
    assert len(list(tmp_path.glob("tensorboard/trial-*"))) == 2
    with pytest.raises(ValueError, match="the same data, settings and versions"):
        search(3, {"data": "b"})


@pytest.mark.parametrize("model", tuning.SPACES)
def test_the_first_trial_has_the_settings_of_the_recipe_inside_the_space(model):
    settings = SingleSettings(model=model)
    values = tuning._first(settings)
    assert set(values) == set(tuning.SPACES[model]) | set(tuning.ADVERSARY)
    for name, (kind, *bounds) in tuning.SPACES[model].items():
        within = values[name] in bounds
        assert within if kind == "choice" else bounds[0] <= values[name] <= bounds[1]
    given = tuning._first(SingleSettings(model=model, learning_rate=0.001, dim=7, adversary="none"))
    assert given["learning_rate"] == 0.001 and "dim" not in given and "epsilon" not in given


def test_the_best_settings_are_options_of_train(tmp_path):
    assert set(json.loads(json.dumps(SETTINGS.as_dict()))) == set(SingleSettings().as_dict())


def test_the_settings_of_a_trial_are_told_with_few_digits():
    told = tuning._told({"dim": 64, "learning_rate": 0.004999999888241291})
    assert told == "dim 64, learning_rate 0.005"
