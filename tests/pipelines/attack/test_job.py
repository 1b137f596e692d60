import json

import numpy as np
import pytest

from advrec_tf.pipelines.attack import job, responses
from advrec_tf.pipelines.stages import holds_run

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


def test_the_mean_and_every_measurement_are_printed_and_written(path, tmp_path, eagerly):
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
    assert lines[0] == f"{path}: 480 of 480 rows kept, 40 users, 30 items"
    assert lines[1].startswith("Ratings were shifted by +1")
    assert lines[3] == "targets (own): 3, 4"
    assert "random on biased_mf, defence none: 2 targets, 2 seeds" in lines[4]


def test_rows_left_out_are_said_and_a_defence_stands_beside_its_absence(path, tmp_path):
    with open(path, "a") as file:
        file.write("\n0,29,5\n0,29,4\n,3,2")
    lines = []
    defended = {**ATTACK, "victim": "ease", "defence": "independence-weights"}
    out = tmp_path / "out.json"
    job.run(path, **defended, per_group=1, out=out, log=lines.append, rating_column="rating")
    said = "\n".join(lines)
    assert "left out: earlier rows of a user-item pair: " in said and "missing user id" in said
    assert "undefended  defence alone       defended" in said
    written = json.loads(out.read_text())
    assert written["undefended"]["defence"] == "none" and len(written["undefended_cells"]) == 1
    alone = written["defence_alone"]
    assert (alone["attack"], alone["defence"]) == ("none", "independence-weights")
    assert len(written["defence_alone_cells"]) == 1 and "target_hit_rate@10" in alone


def test_what_a_knowing_attacker_chose_stands_beside_the_same_fakes_without_the_defence(
    path, tmp_path, monkeypatch
):
    monkeypatch.setattr(responses, "STARTS", ({}, {"accounts": 0.4}))
    monkeypatch.setattr(responses, "TRIES", 1)
    out = tmp_path / "out.json"
    words = {"attack": "best-response", "victim": "ease", "defence": "independence-weights"}
    lines = []
    job.run(path, **words, own_targets=["3"], out=out, log=lines.append, rating_column="rating")
    written = json.loads(out.read_text())
    (cell,), (bare,) = written["cells"], written["undefended_cells"]
    assert cell["chosen"]["item_id"] == 3 and cell["chosen"]["tried"] == 4
    assert (bare["attack"], bare["defence"]) == ("best-response", "none")
    for name in ("generation_seconds", "pca_auc", "target_raters"):  # of the fakes
        assert bare[name] == cell[name]
    assert "chosen" not in written[
        "mean"
    ] and "undefended  defence alone       defended" in "\n".join(lines)
    assert "| 3 | 0 | " in out.with_suffix(".md").read_text()


def test_the_page_says_how_many_are_verified_where_the_defence_asks(path, tmp_path):
    out, words = tmp_path / "run" / "attack.json", {**ATTACK, "victim": "ease"}
    words |= {"own_targets": ["3"], "out": out, "run_dir": out.parent, "rating_column": "rating"}
    lines = []
    job.run(path, **words | {"defence": "verified-counts"}, verified_share=0.5, log=lines.append)
    said = "50% of the real users, drawn at random, are known to be real."
    assert said in out.with_suffix(".md").read_text()
    with pytest.raises(FileExistsError, match="It has verified_share 0.5 and not 0.2"):
        job.run(path, **words | {"defence": "verified-counts"}, resume=True, log=lines.append)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"group": "tail"}, "`targets` should be left out beside `items`.*: 'tail' and 3"),
        (
            {"defence": "verified-counts", "verified_share": 1.5},
            r"`verified_share` should be in \(0, 1\]. Received: 1.5",
        ),
        (
            {"verified_share": 0.3},
            "`verified_share` should be given beside a defence with verified",
        ),
        (
            {"attack": "none", "size": 0.1, "fillers": 3},
            "`fillers` and `size` should be left out beside the attack 'none'.*: 3 and 0.1",
        ),
        (
            {"defence": "verified-count"},
            "The nearest is verified-counts. Received: 'verified-count'",
        ),
    ],
)
def test_what_does_not_go_together_or_is_misspelt_is_refused(path, given, message):
    words = {**ATTACK, "own_targets": ["3"], "rating_column": "rating", "log": lambda line: None}
    with pytest.raises(ValueError, match=message):
        job.run(path, **words | given)


def test_certificates_and_evidence_are_stages_that_a_resumed_run_takes(path, tmp_path, monkeypatch):
    out, words = tmp_path / "run" / "attack.json", {**ATTACK, "victim": "ease", "certify": 20}
    words |= {"own_targets": ["3"], "out": out, "run_dir": out.parent, "rating_column": "rating"}
    lines = []
    job.run(path, **words, log=lines.append)
    first = json.loads(out.read_text())
    assert [one["num_fakes"] for one in first["certificates"]["curve"]] == [1, 2, 10]
    shares = [one["kept_share"] for one in first["bounded"]["curve"]]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0
    (target,) = first["targets"]
    assert target["item_id"] == 3 and target["words"].startswith("Item 3: ")
    assert "With the accounts of the attack there are" in target["words"]
    page = out.with_suffix(".md").read_text()
    assert target["words"] in page and "## Certified" in page and "Certified. " in lines[-2]
    with pytest.raises(FileExistsError, match="--resume, replace it with --overwrite, or choose"):
        job.run(path, **words, log=lines.append)
    with pytest.raises(ValueError, match="is 7.*; --overwrite without --resume replaces it"):
        job.run(path, **words, fillers=7, resume=True, log=lines.append)
    job.run(path, **words, overwrite=True, log=lines.append)  # measured anew
    assert (out.parent / "run.json").exists()
    for name in ("certified", "bounded", "of_target"):
        monkeypatch.setattr(job, name, lambda *a: pytest.fail("measured twice"))
    again = job.run(path, **words, resume=True, log=lines.append)
    assert again["target_raters"] == first["mean"]["target_raters"]
    before = out.read_bytes()
    with pytest.raises(FileExistsError, match="It has certify 20 and not 0; `overwrite` beside"):
        job.run(path, **{**words, "certify": 0}, resume=True, log=lines.append)
    assert out.read_bytes() == before
    job.run(path, **{**words, "certify": 0}, resume=True, overwrite=True, log=lines.append)
    assert json.loads(out.read_text())["certificates"] is None


def test_a_run_that_fails_leaves_its_folder_to_the_next(path, tmp_path):
    out = tmp_path / "run" / "attack.json"
    words = {**ATTACK, "attack": "average-over-popular", "victim": "ease", "own_targets": ["3"]}
    words |= {"out": out, "run_dir": out.parent, "rating_column": "rating", "log": lambda _: None}
    with pytest.raises(ValueError, match="`num_fillers` should be at most"):  # of 6 popular items
        job.run(path, **words, fillers=20)
    assert not holds_run(out.parent)
    job.run(path, **words, fillers=3)
    assert out.exists()
    (out.parent / "run.json").write_text("{")
    with pytest.raises(ValueError, match="run.json should be as it was written.*Remove it, or"):
        job.run(path, **words, fillers=3, overwrite=True)
    out.write_text("{")
    with pytest.raises(ValueError, match="attack.json should be as .* --overwrite replaces it"):
        job.run(path, **words, fillers=3, resume=True)


def test_a_size_and_a_name_are_refused_before_anything_is_trained(path):
    with pytest.raises(ValueError, match="`size` should be a fraction"):
        job.run(path, **ATTACK, size=2.0)
    with pytest.raises(ValueError, match="`certify` should be 0 or a number"):
        job.run(path, **ATTACK, certify=-1)
    with pytest.raises(ValueError, match="`attack` should be one of"):
        job.run(path, **{**ATTACK, "attack": "x"}, rating_column="rating")
    with pytest.raises(ValueError, match="biased_mf needs ratings, and none .*--rating-column"):
        job.run(path, **ATTACK)
