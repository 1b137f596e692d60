"""A newcomer's CSV to generated rows, report and export, through the two scripts."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advrec_tf.pipelines.tabular import cli, job
from advrec_tf.pipelines.tabular.cli import conditions_from
from advrec_tf.pipelines.tabular.settings import TableSettings
from advrec_tf.serving.c_api import SavedModelSession
from advrec_tf.tabular.files import read_table
from advrec_tf.tabular.quality import AIMS, headline, reached
from experiments.tabular import runner

SCRIPTS = Path(__file__).parents[2] / "scripts"


def script(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    rng = np.random.default_rng(0)
    visits = rng.poisson(8, 240) + 1
    frame = pd.DataFrame(
        {
            "user_id": np.arange(240) + 1000,
            "visits": visits,
            "plan": rng.choice(["free", "paid"], 240),
            "joined": (
                np.datetime64("2023-01-01") + rng.integers(0, 300, 240).astype("timedelta64[D]")
            ).astype(str),
            "churned": np.where(rng.random(240) < 1 / (1 + np.exp(visits - 8.0)), "yes", "no"),
        }
    )
    path = tmp_path_factory.mktemp("data") / "user_behavior.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def folder(csv):
    out = csv.parent
    script("train_gan").main(
        [
            *["--data", str(csv), "--label", "churned", "--run-dir", str(out / "run")],
            *["--out", str(out / "generated.csv"), "--export", str(out / "model")],
            *["--steps", "40", "--steps-per-round", "20", "--batch-size", "60", "--rows", "120"],
            *["--condition", "churned=yes"],
        ]
    )
    return out


def test_a_csv_becomes_rows_a_report_and_a_served_generator(folder, csv):
    real, generated = pd.read_csv(csv), pd.read_csv(folder / "generated.csv")
    assert list(generated.columns) == list(real.columns) and len(generated) == 120
    assert set(generated["churned"]) == {"yes"}
    assert generated["user_id"].tolist() == list(range(1240, 1360))
    assert pd.to_datetime(generated["joined"]).between("2023-01-01", "2023-10-28").all()
    record = json.loads((folder / "run" / "quality.json").read_text())
    assert list(record["generators"]) == ["gan", "vae", "bootstrap", "marginals", "noise"]
    assert record["generators"]["bootstrap"]["disclosure"]["duplicates"] > 0.9
    page = (folder / "run" / "quality.html").read_text()
    assert page.count("data:image/png;base64,") == 4 and 'src="http' not in page
    assert any((folder / "run" / "tensorboard" / "plots").iterdir())
    with SavedModelSession(folder / "model" / "1") as session:
        rows = session.run("serving_default", {"num_rows": 5, "seed": [1, 2]})
    assert set(rows) == {"visits", "plan", "joined", "churned"}


def test_a_finished_run_is_not_overwritten_and_goes_on_with_resume(folder, csv):
    arguments = [
        *["--data", str(csv), "--label", "churned", "--run-dir", str(folder / "run")],
        *["--out", str(folder / "again.csv"), "--steps", "40", "--steps-per-round", "20"],
        *["--batch-size", "60", "--rows", "120", "--condition", "churned=yes"],
    ]
    main = script("train_gan").main
    with pytest.raises(SystemExit, match="holds a run already"):
        main(arguments)
    main([*arguments, "--resume"])
    assert (folder / "again.csv").read_text() == (folder / "generated.csv").read_text()


def test_two_files_become_a_report(folder, csv):
    script("quality_report").main(
        [str(csv), str(folder / "generated.csv"), "--out", str(folder / "quality")]
    )
    result = json.loads((folder / "quality" / "quality.json").read_text())
    assert result["rows"] == {"real": 240, "synthetic": 120, "holdout": None}
    # every generated row has one label: nothing can be trained on them, and that is said
    assert result["train_on_synthetic"]["ratio"] is None
    assert "should take two values" in (folder / "quality" / "quality.html").read_text()


@pytest.mark.slow
def test_a_private_run_says_what_it_spent(csv, tmp_path, capsys):
    script("train_gan").main(
        [
            *["--data", str(csv), "--label", "churned", "--run-dir", str(tmp_path / "run")],
            *["--out", str(tmp_path / "o.csv"), "--noise-multiplier", "1.0", "--steps", "20"],
            *["--steps-per-round", "20", "--batch-size", "60"],
        ]
    )
    assert "differential privacy of the training rows: epsilon" in capsys.readouterr().out
    assert "epsilon" in (tmp_path / "run" / "quality.html").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--label", "sold"], "expected a label column 'sold'"),
        (["--label", "churned", "--condition", "plan=paid"], "COLUMN=VALUE on one of churned"),
        (["--label", "churned", "--pack", "0"], "`pack` should be >= 1"),
        (["--label", "churned", "--loss", "vanilla"], "`loss` should be one of"),
    ],
)
def test_mistakes_end_in_one_line(csv, tmp_path, more, message):
    arguments = ["--data", str(csv), "--run-dir", str(tmp_path / "run")]
    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        script("train_gan").main([*arguments, "--out", str(tmp_path / "o.csv"), *more])


def test_a_label_chooses_the_table_and_its_absence_the_interactions():
    assert cli.asks_for_table(["--data", "a.csv", "--label=x"])
    assert cli.asks_for_table(["--table"])
    assert not cli.asks_for_table(["--data", "synthetic", "--out", "x.csv"])


def quality_of(auc, nearest=1.0, rows=500):
    return {
        "notes": [],
        "rows": {"real": 500, "synthetic": rows, "holdout": None},
        "two_sample_auc": auc,
        "two_sample_auc_holdout": auc,
        "worst_column": ["x", 0.05],
        "correlations": {"mean": 0.1},
        "mode_coverage": 1.0,
        "train_on_synthetic": {"ratio": 0.9},
        "disclosure": {"duplicates": 0.0, "nearest_ratio": nearest, "membership_auc": 0.5},
    }


def test_aims_are_reached_from_their_own_side():
    good = quality_of(0.6)
    assert {name: reached(name, good) for name in headline(good)} == {
        **dict.fromkeys(AIMS, True),
        "train_on_synthetic_ratio": False,
    }
    assert reached("two_sample_auc", quality_of(0.66)) is False
    assert reached("nearest_ratio", quality_of(0.6, nearest=None)) is None


def test_copies_and_too_few_rows_reach_nothing():
    assert reached("two_sample_auc", quality_of(0.25)) is False
    few = quality_of(0.5, rows=99)
    assert {reached(name, few) for name in headline(few)} == {None}
    assert reached("duplicates", quality_of(0.5, rows=100)) is True


@pytest.mark.parametrize("text", ["churned=7", "plan=platin", "visits=many", "nothing=1", "plan"])
def test_a_condition_that_no_row_can_meet_is_refused_before_training(text, csv):
    table = read_table(csv, label="churned")
    names = ("churned", "plan", "visits")
    with pytest.raises(ValueError, match="`--condition`.*Received: "):
        conditions_from([text], table, names)


def test_conditions_take_the_type_of_their_column(csv):
    table = read_table(csv, label="churned")
    plan = table.frame["plan"].dropna().iloc[0]
    given = [f"plan={plan}", "visits=3"]
    assert conditions_from(given, table, ("plan", "visits")) == {"plan": plan, "visits": 3.0}


@pytest.mark.parametrize(("text", "value"), [("left=TRUE", True), ("left=false", False)])
def test_a_boolean_condition_is_one_of_the_spellings_of_the_file(tmp_path, text, value):
    path = tmp_path / "rows.csv"
    path.write_text("n,left\n" + "".join(f"{i % 7},{i % 3 > 0!s}\n" for i in range(60)))
    table = read_table(path, label="left")
    assert conditions_from([text], table, ("left",)) == {"left": value}
    with pytest.raises(ValueError, match="one of its values: false, true. Received: 'yes'"):
        conditions_from(["left=yes"], table, ("left",))


def test_a_report_is_never_written_over(csv, tmp_path):
    (tmp_path / "quality.json").write_text("{}")
    for out in (tmp_path, tmp_path / "quality.json"):
        with pytest.raises(SystemExit, match="`--out` should be a new folder"):
            script("quality_report").main([str(csv), str(csv), "--out", str(out)])


def test_the_page_shows_means_and_deviations_over_seeds():
    # .5 and .7: mean .6, deviation sqrt(.02) = .141; above the ablation by .05 twice
    results = {
        "world": {
            seed: {
                "rows": 100,
                "columns": 4,
                "qualities": {"gan": quality_of(auc), "vae": quality_of(ablation)},
                "seconds": {"gan": 10.0, "vae": 20.0},
                "unfinished": ["vae"] if seed else [],
            }
            for seed, auc, ablation in ((0, 0.5, 0.45), (1, 0.7, 0.65))
        }
    }
    text = runner.page(results, "python x")
    assert "| gan | 0.600 (0.141) |" in text and "| 10 |" in text
    assert "two_sample_auc 0.600 (reached)" in text
    assert "train_on_synthetic_ratio 0.900 (missed)" in text
    assert "less that of its ablation, by seed: +0.050, +0.050." in text
    assert "Still improving when the steps were up: vae in 1 of 2 runs;" in text


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`holdout_fraction` should be in"):
        TableSettings(holdout_fraction=0.9)


def test_a_two_sample_test_that_independent_columns_pass_is_said_to_decide_nothing():
    told_apart = {"gan": quality_of(0.55), "marginals": quality_of(0.8)}
    assert job.blunt_measures(told_apart) == []
    [line] = job.blunt_measures({**told_apart, "marginals": quality_of(0.564)})
    assert "columns drawn independently reach the two-sample aim too (0.564)" in line


def test_a_table_read_as_interactions_is_told_of_the_label(csv, tmp_path):
    other = tmp_path / "t.csv"
    other.write_text(csv.read_text().replace("user_id", "customer"))
    with pytest.raises(SystemExit, match="expected a column 'user_id'.*needs --label COLUMN"):
        script("train_gan").main(
            ["--data", str(other), "--run-dir", str(tmp_path / "r"), "--out", str(tmp_path / "o")]
        )
