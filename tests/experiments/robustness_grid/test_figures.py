from experiments.robustness_grid import figures


def test_a_trade_off_shows_the_worst_attack_against_what_is_kept_without_one():
    keys = ("defence", "attack", "target_hit_rate@10", "ndcg@10")
    records = [
        {**dict(zip(keys, values, strict=True)), "ndcg@10, clean": 2}
        for values in (
            ("strict", "none", 0.9, 1.5),
            ("strict", "x", 0.1, 1.0),
            ("strict", "y", 0.2, 0.5),
            ("never without attack", "x", 0.3, 1.0),
        )
    ]
    assert figures.worst_and_kept(records) == {"strict": (75.0, 0.2)}


def test_what_the_report_lacks_is_not_drawn():
    parts = {part: [] for part in ("attacks", "sizes", "defences", "trade_off")}
    assert figures.plots({"parts": parts, "curves": {}}) == {}
    parts["attacks"] = [{"pca_ap": 0.1, "group": "tail"}]
    assert list(figures.plots({"parts": parts, "curves": {}})) == ["strength_and_stealth"]
