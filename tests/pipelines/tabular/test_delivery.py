import numpy as np
import pandas as pd
import pytest

from advrec_tf.pipelines.tabular.delivery import conditions_from, copies_in_words, fingerprint
from advrec_tf.tabular.files import read_table


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


def test_a_fingerprint_changes_with_a_value_and_with_how_it_is_read(csv):
    table = read_table(csv, label="churned")
    assert fingerprint(table) == fingerprint(read_table(csv, label="churned"))
    assert fingerprint(table) != fingerprint(read_table(csv, label="plan"))
    table.frame.loc[3, "visits"] += 1
    assert fingerprint(table) != fingerprint(read_table(csv, label="churned"))


@pytest.mark.parametrize(("left", "said"), [(0, "5 were drawn anew"), (5, "they stay")])
def test_copies_are_told_with_what_became_of_them(left, said):
    text = copies_in_words(5, left, 100)
    assert text.startswith("5 of 100 rows drawn equalled") and said in text
