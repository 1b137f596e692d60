import json
from pathlib import Path

from experiments.tabular import page
from tests.tabular.qualities import quality_of


def test_the_page_shows_means_and_deviations_over_seeds():
    # .5 and .7: mean .6, deviation sqrt(.02) = .141; above the ablation by .05 twice
    results = {
        "world": {
            str(seed): {
                "records": 100,
                "columns": 4,
                "qualities": {"gan": quality_of(auc), "vae": quality_of(ablation)},
                "seconds": {"gan": 10.0, "vae": 20.0},
                "unfinished": ["vae"] if seed else [],
            }
            for seed, auc, ablation in ((0, 0.5, 0.45), (1, 0.7, 0.65))
        }
    }
    report = json.loads(json.dumps({"command": "python x", "tables": results}))
    text = page.markdown(report, Path("x.md"))
    assert "| gan | 0.600 (0.141) |" in text and "| 10 |" in text
    assert "two_sample_auc 0.600 (reached)" in text
    assert "train_on_synthetic_ratio 0.900 (missed)" in text
    assert "less that of its ablation, by seed: +0.050, +0.050." in text
    assert "Still improving when the steps were up: vae in 1 of 2 runs;" in text
