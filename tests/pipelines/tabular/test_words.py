from advrec_tf.pipelines.tabular import words


def test_each_measure_has_its_aim_and_whether_it_is_reached(monkeypatch):
    rows = [("AUC", 0.5, "<= .6", True), ("copies", 0.2, "0", False), ("far", None, "-", None)]
    monkeypatch.setattr(words, "verdict_rows", lambda quality: rows)
    lines = words.verdict_lines({})
    assert [line.split()[-1] for line in lines] == ["reached", "missed", "judged"]
    assert "0.500" in lines[0] and "not measured" in lines[2]


def test_the_comparison_is_aligned(monkeypatch):
    rows = [["", "gan", "noise"], ["AUC", 0.5, 0.75], ["a long name", None, 1.0]]
    monkeypatch.setattr(words, "comparison_rows", lambda qualities: rows)
    lines = words.comparison_lines({})
    assert lines[1] == "AUC          0.500  0.750" and lines[2] == "a long name         1.000"
