import sys
from pathlib import Path

import pytest

from advrec_tf.data.readers.loading import load
from experiments.speed import next_item


def training_on(tmp_path, rows, **settings):
    table = tmp_path / "events.csv"
    table.write_text("user_id,item_id,when\n" + "\n".join(rows) + "\n")
    split = load(table, time_column="when").split("last_item")
    given = {"epochs": 2, "every": 1, "patience": 1, "batch_size": 8, "length": 5, "seed": 3}
    return next_item.Training(split=split, **(given | settings))


ROWS = ["ann,tea,1", "ann,rye,4", "ann,jam,2", "ann,egg,3"]
ROWS += ["bob,jam,1", "bob,tea,2", "bob,rye,3", "bob,egg,9"]
FIGURES = {
    "events_per_second": 200.0,
    "seconds": 4.0,
    "epochs": 2.0,
    "ndcg@10": 0.1,
    "peak_megabytes": 500.0,
}


def program(tmp_path, code):
    path = tmp_path / "other.py"
    path.write_text(code)
    return f"{sys.executable} {path} {{histories}} {{epochs}} {{seed}}"


def test_a_command_is_given_the_histories_and_its_last_line_are_its_figures(tmp_path):
    code = (
        "import json, sys\n"
        "histories = json.load(open(sys.argv[1]))\n"
        f"found = {FIGURES!r} | {{'seconds': len(histories[0]), 'epochs': sys.argv[2]}}\n"
        "print('training')\n"
        "print(json.dumps(found | {'ndcg@10': sys.argv[3]}))\n"
    )
    found = next_item.theirs(program(tmp_path, code), training_on(tmp_path, ROWS))
    assert found == FIGURES | {"seconds": 4.0, "epochs": 2.0, "ndcg@10": 3.0}


@pytest.mark.parametrize("last", ["done", '{"seconds": 3}', "[1]", ""])
def test_a_command_without_every_figure_is_refused(tmp_path, last):
    with pytest.raises(ValueError, match="last line of JSON with events_per_second, seconds"):
        next_item.theirs(program(tmp_path, f"print({last!r})"), training_on(tmp_path, ROWS))


def test_histories_are_in_order_of_time_with_the_test_item_last(tmp_path):
    ann, bob = next_item.histories_of(training_on(tmp_path, ROWS).split)
    tea, jam, egg, rye = ann  # in the order of the times, whatever their indices
    assert len(set(ann)) == 4 and bob == [jam, tea, rye, egg]


def test_the_page_has_both_libraries_and_their_ratios():
    report = {
        "command": "python it",
        "about": {"data": "ml-100k"},
        "machine": {"cores": 2},
        "found": {
            "advrec_tf": [FIGURES | {"events_per_second": 300.0}, FIGURES],
            "RecBole": [FIGURES | {"events_per_second": 100.0, "ndcg@10": 0.05}],
        },
    }
    text = next_item.markdown(report, Path("speed-next-item.md"))
    assert "| advrec_tf | 250 | 4 | 2 | 0.1000 | 500 |" in text
    assert "| RecBole | 100 | 4 | 2 | 0.0500 | 500 |" in text
    assert "x2.50 the events a second, x2.00 the NDCG@10 and x1.00 the memory" in text
    alone = report | {"found": report["found"] | {"RecBole": []}}
    assert "the events a second" not in next_item.markdown(alone, Path("x.md"))


@pytest.mark.slow
def test_ours_is_trained_until_it_no_longer_rises(tmp_path):
    rows = [f"u{u},i{(u + t) % 7},{t}" for u in range(30) for t in range(6)]
    found = next_item.measure(training_on(tmp_path, rows, epochs=4))
    assert set(found) == set(next_item.FIGURES) and 1 <= found["epochs"] <= 4
    assert found["events_per_second"] > 0 and 0 <= found["ndcg@10"] <= 1
