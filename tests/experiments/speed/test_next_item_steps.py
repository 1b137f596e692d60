from experiments.speed import next_item_steps


def test_the_full_softmax_is_left_out_of_large_catalogues(monkeypatch, capsys):
    asked = []

    def seconds(data, objective, args):
        asked.append((type(objective).__name__, data.num_items))
        return 0.01 * len(asked)

    monkeypatch.setattr(next_item_steps, "step_seconds", seconds)
    next_item_steps.main(["--items", "10", "20", "--full-items", "10", "--users", "2"])
    assert asked == [("SampledSoftmax", 10), ("SampledSoftmax", 20), ("FullSoftmax", 10)]
    lines = [line for line in capsys.readouterr().out.splitlines() if "sampled" in line]
    assert [line.split("|")[3:5] for line in lines] == [[" 10 ", " 1.00 "], [" 20 ", " 2.00 "]]
