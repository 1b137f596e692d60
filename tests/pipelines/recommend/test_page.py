from advrec_tf.pipelines.recommend import page


def test_a_baseline_above_the_shipped_model_is_said():
    choices = {
        "shipped_model": "tower",
        "validation_of_candidates": {"tower": 0.05},
        "validation_of_baselines": {"popularity": 0.02, "ease": 0.06},
    }
    assert "NOTE: ease is better on validation (0.0600)" in page.verdict(choices)
    choices["validation_of_baselines"]["ease"] = 0.04
    assert "NOTE" not in page.verdict(choices) and "prior" not in page.verdict(choices)
    choices["shipped"] = {"prior_scale": 0.1}
    assert page.verdict(choices).endswith(
        "the best of the trained models), with a popularity prior for users with few interactions"
    )


def test_a_next_item_model_above_the_shipped_one_is_said():
    choices = {
        "shipped_model": "tower",
        "validation_of_candidates": {"tower": 0.05},
        "validation_of_baselines": {"ease": 0.04},
        "validation_of_next_item": {"sasrec": 0.06, "sasrec+perturbed": 0.07},
    }
    text = page.verdict(choices)
    assert "(validation ndcg@10 0.0500, the best of the models that end as vectors)" in text
    assert "NOTE: sasrec+perturbed is better on validation (0.0700)" in text
    assert "`advrec train --model sasrec` exports" in text
    choices["validation_of_next_item"] = {"sasrec": 0.03}
    assert "NOTE" not in page.verdict(choices) and "trained models" in page.verdict(choices)


def test_the_legend_explains_the_columns_that_are_there():
    report = {"protocol": {}, "models": {"ease": {"ndcg@10": 0.1}}}
    assert "coverage" in page.legend(report)
    assert "cut to n" not in page.legend(report) and "brackets" not in page.legend(report)
    report["models"]["ease"]["deviation_over_seeds"] = {"ndcg@10": 0.01}
    report["cold_start"] = {"users": {"cut_to_1": 3}}
    report["protocol"]["histories"] = "EASE reads validation"
    assert page.legend(report).endswith("deviation over seeds. Note: EASE reads validation.")
    assert "cut to n interactions" in page.legend(report)
