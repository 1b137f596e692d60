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
    assert page.legend(report).endswith("the first seed. Note: EASE reads validation.")
    assert "cut to n interactions" in page.legend(report)


GENERATORS = {
    "whole": {
        "gan": {
            "d_loss": 1.25,
            "g_loss": 0.75,
            "reconstruction_loss": 6.5,
            "d_accuracy": 0.625,
            "diversity": 0.03125,
            "epochs": 3,
            "best_epoch": 2,
            "verdict": "healthy: no collapse",
        }
    }
}


def test_the_gan_has_a_row_and_its_verdict_stands_below():
    report = {"generators": GENERATORS}
    heads, row = page.generator_cells(report)
    figures = ("1.2500", "0.7500", "6.5000", "0.6250", "0.0312")
    assert row == ("gan", "3 (best 2)", *figures)
    assert len(heads) == len(row)
    assert page.generator_lines(report)[-1] == "gan: healthy: no collapse"
    report["generators"] = {"cold": GENERATORS["whole"]}
    assert page.generator_cells(report)[1][0] == "gan, users cut"
    assert page.generator_verdicts(report) == {"gan, users cut": "healthy: no collapse"}
    assert page.generator_lines({"generators": {}}) == [] == page.generator_cells({})


def test_the_page_shows_the_gan_and_the_plots():
    report = {
        "data": {"read": {"source": "events.csv"}, "users": 2, "items": 2, "rows": 4},
        "choices": {},
        "protocol": {"split": "last_item", "ranking": "all items", "users_evaluated": 2},
        "seeds": 1,
        "audit": {"never_seen": 0.0},
        "data_sha256": "0" * 64,
        "models": {},
        "comparisons": [],
        "generators": GENERATORS,
        "plots": ["plots/gan_training.png"],
    }
    text = page.markdown(report, "advrec gan")
    assert "| gan | 3 (best 2) | 1.2500 |" in text
    assert "| 0.0312 |\n\n- gan: healthy: no collapse\n" in text
    assert "![gan training](plots/gan_training.png)" in text
    sick = "not healthy: one sample for all noise"
    ill = {"whole": {"gan": {**GENERATORS["whole"]["gan"], "verdict": sick}}}
    said = {"whole-gan": sick, "whole-tower": "not healthy: the loss grew"}
    text = page.markdown({**report, "generators": ill, "training_health": said}, "advrec gan")
    assert text.count(sick) == 1
    assert "The training of `whole-tower` was not healthy: not healthy: the loss grew" in text
    assert "## GAN and its ablation" not in page.markdown(
        {**report, "generators": {}}, "advrec ranking"
    )
