import numpy as np

from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.pipelines.recommend import page, single
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.recommend.variants import EvaluationSetting
from advrec_tf.pipelines.stages import StageResult
from tests.worlds import interactions_of


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
