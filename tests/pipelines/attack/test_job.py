import json

import numpy as np
import pytest

from advrec_tf.pipelines.attack import job

ATTACK = {"attack": "random", "victim": "biased_mf", "defence": "none"}


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    lines = [
        f"{u},{i},{rng.integers(0, 5)}"
        for u in range(40)
        for i in rng.choice(30, 12, replace=False)
    ]
    (tmp_path / "own.csv").write_text("\n".join(["user_id,item_id,rating", *lines]))
    return str(tmp_path / "own.csv")


def test_the_mean_and_every_measurement_are_printed_and_written(path, tmp_path):
    lines = []
    mean = job.run(
        path,
        **ATTACK,
        own_targets=["3", "4"],
        seeds=2,
        out=tmp_path / "out.json",
        log=lines.append,
        rating_column="rating",
    )
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["mean"] == json.loads(json.dumps(mean)) and len(written["cells"]) == 4
    assert lines[0].startswith("Ratings were shifted by +1")
    assert lines[2] == "targets (own): 3, 4"
    assert "random on biased_mf, defence none: 2 targets, 2 seeds" in lines[3]


def test_a_size_and_a_name_are_refused_before_anything_is_trained(path):
    with pytest.raises(ValueError, match="`size` should be a fraction"):
        job.run(path, **ATTACK, size=2.0)
    with pytest.raises(ValueError, match="`attack` should be one of"):
        job.run(path, **{**ATTACK, "attack": "x"}, rating_column="rating")
