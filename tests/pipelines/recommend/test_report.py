import json

import pytest

from advrec_tf.pipelines.recommend import report
from advrec_tf.pipelines.recommend.preparation import identity_of
from advrec_tf.pipelines.recommend.settings import NEXT_ITEM


@pytest.fixture(scope="module")
def result(tiny_outcome, tiny_prepared, tiny_settings):
    return report.make_report(
        tiny_outcome,
        identity=identity_of(tiny_prepared, tiny_settings),
        counts=tiny_prepared.counts,
        audit=tiny_prepared.audit.as_dict(),
    )


def test_every_model_of_the_table_has_every_metric_for_every_group(result):
    rows = [name for name in report.ROWS if name != "oracle"]  # known for invented data only
    assert set(rows) <= set(result["models"])
    for name in rows:
        row = result["models"][name]
        assert set(report.METRICS) <= set(row)
        for group in ("sparsest_fifth", "cut_to_1", "cut_to_3", "cut_to_5"):
            assert set(report.PER_USER) == set(row[group])


def test_every_ingredient_is_compared_with_its_ablation(result, tiny_settings):
    compared = {(row["model"], row["ablation"]) for row in result["comparisons"]}
    others = set(NEXT_ITEM) - {tiny_settings.next_item}
    trained = [pair for pair in report.COMPARISONS if pair[0].split("+")[0] not in others]
    assert compared == set(trained)
    for row in result["comparisons"]:
        difference = row["value"] - row["value_of_ablation"]
        assert row["difference"] == pytest.approx(difference, abs=1e-12)


def test_the_report_is_plain_json(result):
    assert json.loads(json.dumps(result)) == json.loads(json.dumps(result))
    assert "NaN" not in json.dumps(result)


def test_the_health_of_every_training_is_reported(result):
    health = result["training_health"]
    assert {"whole-tower-0", "whole-gan-0", "ranking-clicks"} <= set(health)
    assert all(isinstance(said, str) for said in health.values())
