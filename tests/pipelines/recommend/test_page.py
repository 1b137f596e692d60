from advrec_tf.pipelines.recommend import page


def test_a_baseline_above_the_shipped_model_is_said():
    choices = {
        "shipped_model": "tower",
        "validation_of_candidates": {"tower": 0.05},
        "validation_of_baselines": {"popularity": 0.02, "ease": 0.06},
    }
    assert "NOTE: ease is better on validation (0.0600)" in page.verdict(choices)
    choices["validation_of_baselines"]["ease"] = 0.04
    assert "NOTE" not in page.verdict(choices)
