"""A newcomer's CSV to generated rows, report and export, through the two scripts."""

import importlib.util
import json
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from advrec_tf.pipelines.stages import StageStore
from advrec_tf.pipelines.tabular import job
from advrec_tf.pipelines.tabular.settings import TableSettings
from advrec_tf.serving.c_api import SavedModelSession
from advrec_tf.tabular.files import Table
from advrec_tf.tabular.schema import infer

SCRIPTS = Path(__file__).parents[3] / "scripts"


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
            "paid in $": [f"{v:.2f}".replace(".", ",") for v in rng.lognormal(2, 1, 240)],
            "left": ["-", "2023-12-31"] + ["-"] * 238,
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
    assert "plot" not in " ".join(record["notes"])
    assert [c["kind"] for c in record["columns"]][3:5] == ["number", "date"]
    assert any((folder / "run" / "tensorboard" / "plots").iterdir())
    with SavedModelSession(folder / "model" / "1") as session:
        rows = session.run("serving_default", {"num_rows": 5, "seed": [1, 2]})
    assert set(rows) == {"visits", "plan", "paid_in__", "left", "joined", "churned"}


def test_generated_values_are_in_the_notation_of_the_file_and_it_is_said(folder):
    generated = pd.read_csv(folder / "generated.csv", dtype=str, keep_default_na=False)
    assert generated["paid in $"].str.fullmatch("[0-9]+,[0-9]{2}").all()
    assert set(generated["left"]) <= {"-", "2023-12-31"}
    page = (folder / "run" / "quality.html").read_text()
    assert "is read as" in page and "&#x27;-&#x27; 239 taken for missing" in page


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


def test_two_files_with_separators_of_their_own_become_a_report(folder, csv):
    generated = pd.read_csv(folder / "generated.csv", dtype=str, keep_default_na=False)
    generated.to_csv(folder / "bars.csv", sep="|", index=False)
    script("quality_report").main(
        [str(csv), str(folder / "bars.csv"), "--separator", ",", "--out", str(folder / "quality")]
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


def test_what_the_run_is_for_is_delivered_before_anything_is_measured(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise ValueError("no measure today")

    frame = pd.DataFrame({"a": np.arange(60) % 7, "b": ["x", "y"] * 30})
    table = Table(frame=frame, schema=infer(frame))
    model, delivered = mock.Mock(), []
    monkeypatch.setattr(job, "generator", lambda *args: (model, None))
    monkeypatch.setattr(job, "quality", broken)
    store = StageStore(tmp_path / "run", {}, resume=False)
    with pytest.raises(ValueError, match="no measure today"):
        job.run(table, TableSettings(), store, generators=("gan",), deliver=delivered.append)
    assert delivered == [model]


def test_a_report_is_never_written_over(csv, tmp_path):
    (tmp_path / "quality.json").write_text("{}")
    for out in (tmp_path, tmp_path / "quality.json"):
        with pytest.raises(SystemExit, match="`--out` should be a new folder"):
            script("quality_report").main([str(csv), str(csv), "--out", str(out)])


def test_a_two_sample_test_that_independent_columns_pass_is_said_to_decide_nothing():
    told_apart = {"gan": quality_of(0.55), "marginals": quality_of(0.8)}
    assert job.blunt_measures(told_apart) == []
    [line] = job.blunt_measures({**told_apart, "marginals": quality_of(0.564)})
    assert "columns drawn independently reach the two-sample aim too (0.564)" in line
