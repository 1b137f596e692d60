import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advrec_tf.pipelines.tabular import cli
from advrec_tf.pipelines.tabular.cli import conditions_from
from advrec_tf.tabular.files import read_table

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
            "joined": (
                np.datetime64("2023-01-01") + rng.integers(0, 300, 240).astype("timedelta64[D]")
            ).astype(str),
            "churned": np.where(rng.random(240) < 1 / (1 + np.exp(visits - 8.0)), "yes", "no"),
        }
    )
    path = tmp_path_factory.mktemp("data") / "user_behavior.csv"
    frame.to_csv(path, index=False)
    return path


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
    with pytest.raises(SystemExit, match=f"Error: .*{message}"):
        script("train_gan").main([*arguments, "--out", str(tmp_path / "o.csv"), *more])


def test_a_label_chooses_the_table_and_its_absence_the_interactions():
    assert cli.asks_for_table(["--data", "a.csv", "--label=x"])
    assert cli.asks_for_table(["--table"])
    assert not cli.asks_for_table(["--data", "synthetic", "--out", "x.csv"])


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


def test_a_table_read_as_interactions_is_told_of_the_label(csv, tmp_path):
    other = tmp_path / "t.csv"
    other.write_text(csv.read_text().replace("user_id", "customer"))
    with pytest.raises(SystemExit, match="expected a column 'user_id'.*needs --label COLUMN"):
        script("train_gan").main(
            ["--data", str(other), "--run-dir", str(tmp_path / "r"), "--out", str(tmp_path / "o")]
        )


def test_how_a_table_is_read_can_be_said(tmp_path):
    path = tmp_path / "rows.csv"
    rows = "".join(f"7{i % 9},{i % 7},0{1 + i % 9}/02/2024,x,{i % 2}\n" for i in range(50, 110))
    path.write_text("code;n;day;none;y\n" + rows.replace(",", ";").replace("x", "(-)"))
    words = ["--data", str(path), "--run-dir", "r", "--out", "o", "--category", "code"]
    words += ["--day-first", "day", "--missing", "(-)", "--number", "n", "--label", "y"]
    table = cli.read(cli.table_parser("").parse_args(words), str(path))
    kinds = {column.name: column.kind for column in table.schema.columns}
    assert kinds == {
        "code": "category",
        "n": "number",
        "day": "date",
        "none": "constant",
        "y": "number",
    }
    assert table.schema["day"].notation.order == "%d/%m/%Y" and table.separator == ";"
