import pytest

from experiments.next_item_robustness import fake_users, measures, page, rows
from experiments.next_item_robustness.__main__ import parse_args


def curves(clean, attacked, searches=measures.SEARCHES):
    points = [{"budget": 0, "ndcg": clean, "hit_rate": clean}]
    points += [
        {"budget": budget, "ndcg": attacked, "hit_rate": attacked} for budget in (1, 2, 5, 10)
    ]
    return {"curves": [{"kind": "substitute", "search": s, "points": points} for s in searches]}


def cell(attack, defence, hits, **more):
    return {"model": rows.PLAIN, "attack": attack, "defence": defence, "ndcg": 0.1} | {
        "target_hit_rate": hits,
        **more,
    }


REPORT = {
    "name": "world",
    "command": "c",
    "about": {"users": 3},
    "targets": ["7"],
    "fake_users": 0.05,
    "pollution": [
        {
            rows.PLAIN: {"epochs": 40, "seconds": 9.0, **curves(0.10, 0.02)},
            rows.MIXED: {"epochs": 45, "seconds": 9.0, **curves(0.09, 0.045)},
            rows.POPULARITY: curves(0.05, 0.05, ("random", "greedy")),
        }
    ],
    "promotion": [
        [
            cell("none", "none", 0.02),
            cell("co-visitation", "none", 0.08, fakes_flagged=1.0),
            cell("co-visitation", "removal", 0.025, fakes_flagged=1.0),
            cell("camouflage", "removal", 0.04, fakes_flagged=0.0),
        ]
    ],
}


def test_the_page_says_what_is_lost_what_it_cost_and_what_was_not_run(tmp_path):
    text = page.markdown(REPORT, tmp_path / "docs" / "results" / "next-item-robustness-world.md")
    assert (tmp_path / "docs" / "images" / "next-item-robustness-world-curves.png").is_file()
    # .1 -> .02 is a loss of 80 %; .09 -> .045 of half, at a tenth of the clean value
    assert "loses 80.0% (random), 80.0% (greedy), 80.0% (gradient) with 5 items" in text
    assert f"- {rows.MIXED}: clean -10.0%; loses 50.0% (random), 50.0% (greedy)" in text
    assert f"- {rows.POPULARITY}: clean -50.0%; loses 0.0% (random), 0.0% (greedy)\n" in text
    assert f"Not run: {rows.SUBSTITUTED}; {rows.SEARCHED}; {rows.ATTACKED};" in text
    # half of 80 % is 40 %; popularity loses nothing but costs half of the clean value
    assert "half of it, at 2% of the clean NDCG@10 or less (greedy): no row" in text
    assert "| popularity | 1 | 0.0500 | 0.0500 | 0.0500 |  |  |  |" in text


def test_a_row_that_keeps_the_price_and_halves_the_loss_is_named(tmp_path):
    held = {**curves(0.0985, 0.06), "epochs": 4, "strength": 0.1, "within": True}
    held["tried"] = [[0.1, 0.099], [0.2, 0.09]]
    kept = {**curves(0.1, 0.02), "strength": 0.1, "within": False, "tried": [[0.1, 0.08]]}
    plain = {"epochs": 40, "validation": 0.1, **curves(0.10, 0.02)}
    pollution = [{rows.PLAIN: plain, rows.ATTACKED: held, rows.NOISE: kept}]
    text = page.markdown({**REPORT, "pollution": pollution}, tmp_path / "page.md")
    # .0985 -> .06 loses 39 %, and 40 % are half of what the plain network loses
    goal = "- at most 40.0%, half of it, at 2% of the clean NDCG@10 or less (greedy)"
    assert f"{goal}: {rows.ATTACKED}\n" in text
    tried = "radius, as a part of each vector's length | 0.1: -1.0%, 0.2: -10.0%"
    assert f"| {rows.ATTACKED} | {tried} | 0.1 |" in text
    assert f"| {rows.NOISE} | as of {rows.ATTACKED} | 0.1: -20.0% | 0.1, over the price |" in text
    assert f"| {rows.ATTACKED} | 1 | 0.0985 | 0.0600 | 0.0600 | 0.0600 | +4 |  |" in text
    assert "over it here" not in text
    dear = {**held, **curves(0.097, 0.06)}
    report = {**REPORT, "pollution": [{rows.PLAIN: plain, rows.ATTACKED: dear}]}
    text = page.markdown(report, tmp_path / "page.md")
    assert f"- within the price on validation, over it here: {rows.ATTACKED}\n" in text


def test_a_row_that_was_priced_alone_has_its_settings_and_no_curve(tmp_path):
    priced = {"strength": 1, "within": True, "tried": [[1, 0.0985], [2, 0.09]]}
    plain = {"epochs": 40, "validation": 0.1, **curves(0.10, 0.02)}
    pollution = [{rows.PLAIN: plain, rows.CLEANED: priced}]
    text = page.markdown({**REPORT, "pollution": pollution}, tmp_path / "page.md")
    tried = "items left out of every history | 1: -1.5%, 2: -10.0%"
    assert f"| {rows.CLEANED} | {tried} | 1 |" in text
    assert f"price them alone: {rows.CLEANED}.\n" in text
    assert f"- {rows.CLEANED}:" not in text


def test_several_seeds_are_told_from_one_and_compared_with_the_plain_network_of_theirs(tmp_path):
    first = {
        rows.PLAIN: {"epochs": 40, **curves(0.10, 0.02)},
        rows.MIXED: {"epochs": 45, **curves(0.09, 0.045)},
        rows.POPULARITY: curves(0.05, 0.05, ("random", "greedy")),
    }
    second = {
        rows.PLAIN: {"epochs": 50, **curves(0.20, 0.10)},
        rows.MIXED: {"epochs": 55, **curves(0.20, 0.15)},
    }
    test = {"difference": 0.03, "half_width": 0.01, "p_value": 0.02, "users": 3}
    tests = {rows.MIXED: {"clean": test | {"p_value": 0.5}, "random": test}}
    report = {**REPORT, "pollution": [first, second], "tests": tests, "note": "Of a shared core."}
    text = page.markdown(report, tmp_path / "page.md")
    assert "\nOf a shared core.\n" in text
    assert "Of several seeds a figure is the mean" in text
    # .10 and .20 have the mean .15 and the deviation .0707
    assert "| SASRec | 2 | 0.1500 (0.0707) | 0.0600 (0.0566) |" in text
    assert "| 40, 50 |  |" in text
    assert "| popularity | 1 | 0.0500 | 0.0500 | 0.0500 |  |  |  |" in text
    # 80 % and 50 %; a row of one seed costs half of that seed's .10, not of the mean
    assert "loses 65.0% (21.2%) (random)" in text
    assert f"- {rows.MIXED}: clean -5.0% (7.1%); loses 37.5% (17.7%) (random)" in text
    assert f"- {rows.POPULARITY}: clean -50.0%; loses 0.0% (random)" in text
    # of two p-values: Holm doubles the smaller
    assert f"| {rows.MIXED} | +0.0300 ± 0.0100, p .500 (Holm p .500, FDR p .500) |" in text
    assert "| +0.0300 ± 0.0100, p .020 (Holm p .040, FDR p .040) |  |  |" in text


def attackers(**left):
    """Curves of the purified row: attacker -> NDCG@10 that is left and share that was edited."""
    found = []
    for attacker, (ndcg, edited) in left.items():
        for curve in curves(0.1, ndcg)["curves"]:
            points = [{**point, "edited": edited} for point in curve["points"]]
            name = {"attacker": attacker.replace("_", " ")}
            found.append({**curve, **name, "points": points})
    return {"curves": found}


def test_the_purified_row_is_that_of_the_worse_attacker_and_each_has_a_line(tmp_path):
    both = attackers(ignores_the_detector=(0.02, 1.0), stays_below_the_detector=(0.08, 0.25))
    plain = REPORT["pollution"][0][rows.PLAIN]
    report = {**REPORT, "pollution": [{rows.PLAIN: plain, rows.PURIFIED: both}]}
    text = page.markdown(report, tmp_path / "page.md")
    assert f"| {rows.PURIFIED} | 1 | 0.1000 | 0.0200 | 0.0200 | 0.0200 |" in text
    line = "- attacker ignores the detector: 0.0200 (random, 100.0% edited), 0.0200 (greedy"
    assert line in text
    assert "- attacker stays below the detector: 0.0800 (random, 25.0% edited)" in text


def test_results_of_one_attacker_alone_say_which_it_was(tmp_path):
    pollution = [{rows.PLAIN: curves(0.1, 0.02), rows.PURIFIED: curves(0.1, 0.08)}]
    text = page.markdown({**REPORT, "pollution": pollution}, tmp_path / "page.md")
    assert "- attacker ignores the detector: not measured, so that the row is an upper" in text
    assert "- attacker stays below the detector: 0.0800 (random), 0.0800 (greedy)" in text


def test_a_promoted_item_is_measured_against_the_model_without_fake_users(tmp_path):
    text = page.markdown(REPORT, tmp_path / "page.md")
    assert "| SASRec | co-visitation | none | 0.0800 | 4.00 | 0.1000 | 100.0% |" in text
    assert "- SASRec, co-visitation: 1.25 times clean behind removal, within the 1.5" in text
    assert "- SASRec, camouflage: 2.00 times clean behind removal, over the 1.5" in text
    assert "Not trained on fake users: transitions." in text


def test_a_promoted_item_is_measured_against_the_mean_over_all_seeds(tmp_path):
    promotion = [*REPORT["promotion"], [cell("none", "none", 0.06)]]
    text = page.markdown({**REPORT, "promotion": promotion}, tmp_path / "page.md")
    # .02 and .06 have the mean .04
    assert "| SASRec | none | none | 0.0400 (0.0283) | 1.00 | 0.1000 (0.0000) |  |" in text
    assert "| SASRec | co-visitation | none | 0.0800 | 2.00 | 0.1000 | 100.0% |" in text


def test_rows_are_known_by_their_labels():
    args = parse_args(["--data", "x", "--run-dir", "y", "--without", rows.NOISE])
    assert args.without == [rows.NOISE] and args.poisoned == [rows.PLAIN, rows.TRANSITIONS]
    assert args.fake_users == list(fake_users.ATTACKS)
    rows.require_known(args.without)
    with pytest.raises(ValueError, match="Rows should be among SASRec; .* Received: 'x'"):
        rows.require_known(["x"])
    with pytest.raises(ValueError, match="Rows should be among SASRec; SASRec, mixtures of neig"):
        rows.require_known([rows.ATTACKED], rows.POISONED)
