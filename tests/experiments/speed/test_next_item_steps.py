import pytest

from experiments.speed import next_item_steps

SAMPLED, DENSE, BLOCKS, WHOLE = next_item_steps.WAYS


def record(way, items, seconds, peak):
    values = {"seconds": seconds, "peak_megabytes": peak, "before_megabytes": 600.0}
    return {"way": way, "items": items, **values}


def test_the_full_softmax_is_left_out_of_large_catalogues(monkeypatch, capsys):
    asked = []

    def apart(function, cell, what):
        asked.append((cell.way, cell.items, cell.users))
        return {"seconds": 0.01 * len(asked), "peak_megabytes": 700.0, "before_megabytes": 600.0}

    monkeypatch.setattr(next_item_steps, "in_own_process", apart)
    asking = ["--items", "10", "20", "--full-items", "10", "--users", "2"]
    next_item_steps.main([*asking, "--ways", SAMPLED, BLOCKS])
    assert asked == [(SAMPLED, 10, 2), (SAMPLED, 20, 2), (BLOCKS, 10, 2)]
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| sampled")]
    assert [line.split("|")[3:5] for line in lines] == [[" 10 ", " 1.00 "], [" 20 ", " 2.00 "]]


def test_a_sampled_step_is_set_beside_the_others_of_its_catalogue(tmp_path):
    records = [
        record(SAMPLED, 10, 0.1, 700.0),
        record(SAMPLED, 20, 0.2, 700.0),
        record(BLOCKS, 10, 0.4, 1000.0),
        record(WHOLE, 10, 0.2, 1600.0),
    ]
    report = {"command": "c", "about": {}, "machine": {"cores": 2}, "records": records}
    text = next_item_steps.markdown(report, tmp_path / "page.md")
    assert f"| {SAMPLED} | 20 | 200 | 2.00 | 700 | 600 |" in text
    # 100 MB of the steps beside 400 and 1,000
    first = "25% of the time, 70% of the memory of the process, 25% of what steps add to it"
    assert f"{first}; a tenth is not reached" in text
    assert f"- 10 items, beside {BLOCKS}: {first}" in text
    other = "50% of the time, 44% of the memory of the process, 10% of what steps add to it"
    assert f"{other}; a tenth is reached" in text
    assert f"- 10 items, beside {WHOLE}: {other}" in text
    assert "20 items, beside" not in text


@pytest.mark.slow
def test_a_step_is_timed():
    cell = next_item_steps.Cell(way=DENSE, items=20, users=8, batch_size=8, rounds=1)
    found = next_item_steps.measure(cell)
    assert found["seconds"] > 0 and found["peak_megabytes"] >= found["before_megabytes"] > 100
