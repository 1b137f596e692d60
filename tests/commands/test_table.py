"""A newcomer's CSV to generated rows, report and served generator."""

import json
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from advrec_tf.commands.application import main
from advrec_tf.commands.table_formats import TableColumns
from advrec_tf.pipelines.tabular import job
from advrec_tf.serving.c_api import SavedModelSession
from tests.tracing import run_eagerly

SMALL = [
    *["--label", "churned", "--steps", "12", "--steps-per-round", "6", "--batch-size", "60"],
    *["--rows", "120", "--condition", "churned=yes"],
]


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
    out = csv.parent / "run"
    words = ["table", "--data", str(csv), "--out", str(out), *SMALL]
    fewer = mock.patch.object(job, "_REPORT_ROWS", (200, 200))  # thousands take minutes to measure
    with fewer, run_eagerly():
        main([*words, "--export", str(out / "models")])
    return out


def test_a_csv_becomes_rows_a_report_and_a_served_generator(folder, csv):
    real, generated = pd.read_csv(csv), pd.read_csv(folder / "generated.csv")
    assert list(generated.columns) == list(real.columns) and len(generated) == 120
    assert set(generated["churned"]) == {"yes"}
    assert generated["user_id"].tolist() == list(range(1240, 1360))
    assert pd.to_datetime(generated["joined"]).between("2023-01-01", "2023-10-28").all()
    record = json.loads((folder / "quality.json").read_text())
    assert list(record["generators"]) == ["gan", "vae", "bootstrap", "marginals", "noise"]
    assert record["generators"]["bootstrap"]["disclosure"]["duplicates"] > 0.9
    page = (folder / "quality.html").read_text()
    assert page.count("data:image/png;base64,") == 4 and 'src="http' not in page
    assert "plot" not in " ".join(record["notes"])
    assert [c["kind"] for c in record["columns"]][3:5] == ["number", "date"]
    assert any((folder / "tensorboard" / "plots").iterdir())
    with SavedModelSession(folder / "models" / "1") as session:
        rows = session.run("serving_default", {"num_rows": 5, "seed": [1, 2]})
    assert set(rows) == {"visits", "plan", "paid_in__", "left", "joined", "churned"}


def test_generated_values_are_in_the_notation_of_the_file_and_it_is_said(folder):
    generated = pd.read_csv(folder / "generated.csv", dtype=str, keep_default_na=False)
    assert generated["paid in $"].str.fullmatch("[0-9]+,[0-9]{2}").all()
    assert set(generated["left"]) <= {"-", "2023-12-31"}
    page = (folder / "quality.html").read_text()
    assert "is read as" in page and "&#x27;-&#x27; 239 taken for missing" in page


def test_a_finished_run_is_not_overwritten_and_goes_on_with_resume(folder, csv, capfd):
    words = ["table", "--data", str(csv), "--out", str(folder), *SMALL]
    before = (folder / "generated.csv").read_text()
    with pytest.raises(SystemExit):
        main(words)
    assert "holds a run already" in capfd.readouterr().err
    (folder / "generated.csv").unlink()
    main(["table", "--config", str(folder / "run.json"), "--resume"])
    assert (folder / "generated.csv").read_text() == before


def test_two_files_with_separators_of_their_own_become_a_report(folder, csv):
    generated = pd.read_csv(folder / "generated.csv", dtype=str, keep_default_na=False)
    generated.to_csv(folder / "bars.csv", sep="|", index=False)
    out = folder / "quality"
    main(["quality", str(csv), str(folder / "bars.csv"), "--separator", ",", "--out", str(out)])
    result = json.loads((out / "quality.json").read_text())
    assert result["rows"] == {"real": 240, "synthetic": 120, "holdout": None}
    # every generated row has one label: nothing can be trained on them, and that is said
    assert result["train_on_synthetic"]["ratio"] is None
    assert "should take two values" in (out / "quality.html").read_text()


@pytest.mark.slow
def test_a_private_run_says_what_it_spent(csv, tmp_path, capfd):
    words = ["--label", "churned", "--noise-multiplier", "1.0", "--steps", "20"]
    words += ["--steps-per-round", "20", "--batch-size", "60"]
    main(["table", "--data", str(csv), "--out", str(tmp_path / "run"), *words])
    assert "differential privacy of the training rows: epsilon" in capfd.readouterr().out
    assert "epsilon" in (tmp_path / "run" / "quality.html").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--label", "sold"], "expected a label column 'sold'"),
        (["--label", "churned", "--condition", "plan=paid"], "COLUMN=VALUE on one of churned"),
        (["--label", "churned", "--pack", "0"], "`--pack` should be >= 1"),
        (["--label", "churned", "--loss", "vanilla"], "`--loss` should be one of"),
        (["--label", "churned", "--replicas", "2"], "beside --distribute mirrored. Received: 2"),
    ],
)
def test_mistakes_end_in_a_sentence(csv, tmp_path, more, message, capfd):
    with pytest.raises(SystemExit):
        main(["table", "--data", str(csv), "--out", str(tmp_path / "run"), *more])
    assert message in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def shards(csv):
    """The same rows as three files, with numbers as Python writes them."""
    frame = pd.read_csv(csv).drop(columns=["paid in $", "left"])
    folder = csv.parent / "shards"
    folder.mkdir()
    for number in range(3):
        part = frame.iloc[80 * number : 80 * number + 80]
        part.to_csv(folder / f"part-{number}.csv", index=False)
    return folder / "*.csv"


def test_shards_are_counted_with_the_fractions_and_kinds_that_are_named(
    shards, tmp_path, monkeypatch, capfd
):
    def run(read, settings, store, deliver, strategy):
        # A fifth of 240 rows is held out; of the 192 others a quarter validates.
        assert (len(read.holdout), len(read.validation), len(read)) == (48, 48, 144)
        assert read.schema["visits"].kind == "category" and deliver.rows == 240
        assert "joined" not in read.schema.names and settings.conditional == ("plan",)
        raise ValueError("as far as this")

    monkeypatch.setattr(job, "run", run)
    words = ["--validation-fraction", "0.25", "--category", "visits", "--drop", "joined"]
    with pytest.raises(SystemExit):
        main(
            ["table", "--data", str(shards), "--out", str(tmp_path / "run"), "--label", "plan"]
            + words
        )
    assert "as far as this" in capfd.readouterr().err


@pytest.mark.slow
def test_shards_become_rows_and_a_report_whose_real_rows_are_samples(shards, tmp_path, capfd):
    words = ["table", "--data", str(shards), "--out", str(tmp_path / "run"), *SMALL]
    fewer = mock.patch.object(job, "_REPORT_ROWS", (200, 200))
    alone = mock.patch.dict(job.run.__kwdefaults__, generators=("gan",))
    with fewer, alone, run_eagerly():
        main(words)
    assert "240 rows, label 'churned'" in capfd.readouterr().out
    generated = pd.read_csv(tmp_path / "run" / "generated.csv")
    assert list(generated) == ["user_id", "visits", "plan", "joined", "churned"]
    assert len(generated) == 120 and set(generated["churned"]) == {"yes"}
    record = json.loads((tmp_path / "run" / "quality.json").read_text())
    # 20 % of 240 rows are held out; the 192 others train or validate.
    assert record["generators"]["gan"]["rows"] == {"real": 192, "synthetic": 200, "holdout": 48}


@pytest.mark.parametrize(
    ("data", "more", "message"),
    [
        ("none-*.csv", [], "none-*.csv, where no shard is"),
        ("part-*.csv", ["--day-first", "joined"], "`--day-first` should not be given for shards"),
        ("part-*.csv", ["--label", "sold"], "and the shards beside it: expected a label column"),
        ("part-*.csv", ["--drop", "sold"], "`--drop` should name columns of"),
    ],
)
def test_mistakes_with_shards_end_in_a_sentence(shards, tmp_path, data, more, message, capfd):
    with pytest.raises(SystemExit):
        main(["table", "--data", str(shards.parent / data), "--out", str(tmp_path / "run"), *more])
    assert message in " ".join(capfd.readouterr().err.split())


def test_a_shard_with_another_schema_or_cut_short_is_named(shards, tmp_path, capfd):
    for name in ("part-0.csv", "part-1.csv"):
        (tmp_path / name).write_text((shards.parent / name).read_text())
    for text, message in (
        ("user_id,visits\n1,2\n", "part-2.csv: expected whole lines of 2 fields"),
        ("user_id,visits,plan,joined,churned\n1,2,free\n", "part-2.csv: expected whole lines of 5"),
    ):
        (tmp_path / "part-2.csv").write_text(text)
        with pytest.raises(SystemExit):
            main(["table", "--data", str(tmp_path / "part-*.csv"), "--out", str(tmp_path / "run")])
        assert message in " ".join(capfd.readouterr().err.split())


def test_the_rows_are_never_written_over_the_table(tmp_path, capfd):
    path = tmp_path / "generated.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(SystemExit):
        main(["table", "--data", str(path), "--out", str(tmp_path)])
    assert "should be another file than the input" in capfd.readouterr().err


def test_how_a_table_is_read_can_be_said(tmp_path):
    path = tmp_path / "rows.csv"
    rows = "".join(f"7{i % 9},{i % 7},0{1 + i % 9}/02/2024,x,{i % 2}\n" for i in range(50, 110))
    path.write_text("code;n;day;none;y\n" + rows.replace(",", ";").replace("x", "(-)"))
    table = TableColumns(
        label="y", category=("code",), day_first=("day",), missing=("(-)",), number=("n",)
    ).read(path)
    kinds = {column.name: column.kind for column in table.schema.columns}
    assert kinds == {
        "code": "category",
        "n": "number",
        "day": "date",
        "none": "constant",
        "y": "number",
    }
    assert table.schema["day"].notation.order == "%d/%m/%Y" and table.separator == ";"


def test_a_file_that_is_not_there_is_named_by_its_option(tmp_path, capfd):
    with pytest.raises(SystemExit):
        main(["table", "--data", str(tmp_path / "nofile.csv"), "--out", str(tmp_path / "run")])
    assert "`--data` should be an existing file. Received: " in capfd.readouterr().err
