import numpy as np
import pytest

from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import MatrixRecommender
from experiments.published_tables.setting import TableSetting
from tests.worlds import interactions_of


def test_recall_divides_by_all_relevant_items():
    # 4 relevant items, 2 of them in the first 3 places: 2/4, and precision@3 is 2/3
    train = interactions_of([(0, 5)], 1, 6)
    relevant = interactions_of([(0, 0), (0, 1), (0, 2), (0, 3)], 1, 6)
    setting = TableSetting(
        seed=0,
        interactions=train,
        tests={"test": RankingEvaluator(train, relevant, ks=(3, 10))},
        metrics=("recall@3", "precision@3"),
    )
    scores = np.array([[9, 1, 0.5, 8, 7, 0]], np.float32)
    result = setting.measure(MatrixRecommender(scores=scores, interactions=train))
    assert result.metrics["recall@3"] == pytest.approx(2 / 4)
    assert result.metrics["precision@3"] == pytest.approx(2 / 3)
    assert result.details["users"] == 1
