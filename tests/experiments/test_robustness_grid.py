import dataclasses
import functools

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.data.splits import random_ratio
from advrec_tf.pipelines.attack import cell as cells
from advrec_tf.pipelines.attack.setting import EvaluationSetting, choose_targets, load_setting
from advrec_tf.pipelines.stages import StageStore
from experiments.robustness_grid import figures, grid, page


def interactions(ratings=True):
    rng = np.random.default_rng(0)
    fraction = np.linspace(0.05, 0.8, 30)
    users, items = np.nonzero(rng.random((50, 30)) < fraction)
    return Interactions(
        user_index=users.astype(np.int32),
        item_index=items.astype(np.int32),
        users=Vocabulary(np.arange(50)),
        items=Vocabulary(np.arange(30)),
        rating=rng.integers(1, 6, len(users)).astype(np.float32) if ratings else None,
    )


def setting(ratings=True):
    split = random_ratio(interactions(ratings), validation=0.0, test=0.1)
    targets, segments = {"tail": (0, 1)}, {0: (28, 29)}
    return EvaluationSetting(name="x", split=split, targets=targets, segments=segments, fillers=6)


def bench(tmp_path, name="run", ratings=True):
    return cells.Bench(setting(ratings), StageStore(tmp_path / name, {}))


CELL = cells.Cell(attack="average", victim="biased_mf", target=0, group="tail", size=0.1)


def test_a_cell_is_run_once_and_profiles_are_shared_between_victims(tmp_path, monkeypatch):
    here = bench(tmp_path)
    first = here.run(CELL)
    assert first["target_hit_rate@10"] > first["target_hit_rate@10, clean"]
    monkeypatch.setattr(here, "_write_profiles", lambda cell: pytest.fail("written twice"))
    again = here.run(dataclasses.replace(CELL, victim="ease"))
    assert again["pca_auc"] == first["pca_auc"]
    monkeypatch.setattr(here, "_measure", lambda cell: pytest.fail("measured twice"))
    assert here.run(CELL) == first


def test_without_an_attack_and_a_defence_nothing_moves(tmp_path):
    found = bench(tmp_path).run(dataclasses.replace(CELL, attack="none"))
    assert found["prediction_shift"] == 0 and found["list_overlap@10"] == 1
    assert found["ndcg@10"] == found["ndcg@10, clean"]


def test_published_segments_are_what_a_segment_attack_rates(tmp_path):
    poisoned, _ = bench(tmp_path).poisoned(dataclasses.replace(CELL, attack="segment"))
    rows = poisoned.interactions.select(poisoned.fake_rows())
    for item in (0, 28, 29):
        assert (rows.rating[rows.item_index == item] == 5).sum() == 5  # 10 % of 50 users


def test_cells_that_do_not_fit_are_named_and_refused(tmp_path):
    here = bench(tmp_path, ratings=False)
    assert cells.unfit(CELL, here.setting) == "biased_mf needs ratings"
    implicit = dataclasses.replace(CELL, victim="ease")
    assert cells.unfit(implicit, here.setting) is None
    assert "ratings" in cells.unfit(dataclasses.replace(implicit, attack="aush"), here.setting)
    assert "gradient" in cells.unfit(dataclasses.replace(implicit, defence="APR"), here.setting)
    with pytest.raises(ValueError, match="biased_mf needs ratings"):
        here.run(CELL)
    with pytest.raises(ValueError, match="`attack` should be one of none, random"):
        cells.check_names("x", "ease", "none", "tail", here.setting)


def test_targets_are_of_their_part_of_the_catalogue():
    counts = [50] * 2 + [20] * 8 + [3] * 6 + [0] * 4
    users, items = zip(*((u, i) for i, n in enumerate(counts) for u in range(n)), strict=True)
    data = Interactions(
        user_index=np.array(users, np.int32),
        item_index=np.array(items, np.int32),
        users=Vocabulary(np.arange(50)),
        items=Vocabulary(np.arange(20)),
    )
    found = choose_targets(data, per_group=5, seed=0)
    assert found["popular"] == (0, 1) and set(found["mid"]) <= set(range(2, 10))
    assert set(found["tail"]) <= set(range(10, 16)) and len(found["tail"]) == 5


def test_a_level_of_knowledge_is_a_cell_of_its_own(tmp_path):
    here = bench(tmp_path)
    white, gray = (
        dataclasses.replace(CELL, knowledge=level, seed=3) for level in ("white", "gray")
    )
    assert white.name() != gray.name() != CELL.name()
    shown = here.attack_of(gray)
    assert shown.fraction == 0.2 and shown.num_profiles == here.num_profiles(0.1)
    ease = dataclasses.replace(white, victim="ease")
    assert "a surrogate of the kind of ease" in cells.unfit(ease, here.setting)


def test_costly_attacks_have_few_seeds_and_nukes_popular_targets_alone():
    here = dataclasses.replace(setting(), targets={"tail": (0, 1), "popular": (20, 21, 22)})
    settings = grid.GridSettings(
        attacks=("none", "random", "aush", "nuke_average"),
        other_attacks=("random",),
        victims=("ease",),
        groups=("tail", "popular"),
        targets=2,
        few_targets=1,
        seeds=3,
        few_seeds=1,
    )
    found = grid.cells_of(settings, here)["attacks"]
    of = {}
    for cell in found:
        of.setdefault(cell.attack, []).append((cell.target, cell.seed))
    assert of["aush"] == [(0, 0), (1, 0)]
    assert of["random"] == [(t, s) for s in range(3) for t in (0, 1)] + [(20, s) for s in range(3)]
    assert of["nuke_average"] == [(20, 0), (20, 1), (20, 2)]


def test_defences_stand_on_the_groups_asked_for_or_on_the_first():
    here = dataclasses.replace(setting(), targets={"tail": (0, 1), "popular": (20, 21, 22)})
    settings = grid.GridSettings(groups=("tail", "popular"), few_targets=2)
    for groups, expected in (
        ((), {("tail", 0), ("tail", 1)}),
        (("popular", "tail"), {("popular", 20), ("popular", 21), ("tail", 0), ("tail", 1)}),
    ):
        found = grid.cells_of(dataclasses.replace(settings, defended_groups=groups), here)
        for part in ("defences", "trade_off"):
            assert {(cell.group, cell.target) for cell in found[part]} == expected
        strict = {cell.defence for cell in found["trade_off"]}
        assert strict == set(settings.strictness) and "scrub by overlap at 2" in strict


def test_a_trade_off_shows_the_worst_attack_against_what_is_kept_without_one():
    keys = ("defence", "attack", "target_hit_rate@10", "ndcg@10")
    rows = [
        {**dict(zip(keys, row, strict=True)), "ndcg@10, clean": 2}
        for row in (
            ("strict", "none", 0.9, 1.5),
            ("strict", "x", 0.1, 1.0),
            ("strict", "y", 0.2, 0.5),
            ("never without attack", "x", 0.3, 1.0),
        )
    ]
    assert figures._worst_and_kept(rows) == {"strict": (75.0, 0.2)}


def test_means_are_over_targets_first_and_deviations_over_seeds():
    base = {"attack": "a", "victim": "v", "defence": "none", "group": "g", "size": 0.1}
    base["knowledge"] = cells.KNOWN
    rows = [
        {**base, "target": t, "seed": s, "x": x}
        for t, s, x in ((0, 0, 1.0), (1, 0, 3.0), (0, 1, 5.0), (1, 1, 7.0))
    ]
    (row,) = grid.aggregate(rows)  # means of seeds 2 and 6: mean 4, deviation sqrt(8)
    assert row["x"] == 4 and row["deviation"]["x"] == pytest.approx(8**0.5)
    assert (row["targets"], row["seeds"]) == (2, 2)


def test_a_grid_ends_in_a_page_and_figures_and_names_what_it_left_out(tmp_path):
    settings = grid.GridSettings(
        attacks=("none", "random", "nuke_average"),
        victims=("biased_mf", "ease"),
        transfer_attacks=("random",),
        transfer_victims=("popularity",),
        informed_attacks=("average",),
        informed_victims=("wrmf",),
        defences=("none", "trimmed"),
        defended_victims=("biased_mf", "ease"),
        defended_attacks=("random",),
        strictness=("scrub by overlap", "scrub by overlap at 6"),
        strict_attacks=("average",),
        hardened_victims=(),
        sized_attacks=("random",),
        sized_victims=("ease",),
        curve_victims=("wrmf",),
        groups=("tail",),
        targets=1,
        few_targets=1,
        size=0.1,
        seeds=1,
    )
    report = grid.run(bench(tmp_path), settings, say=lambda line: None)
    assert set(figures.draw(report)) == {
        "strength_and_stealth",
        "attack_size",
        "defences",
        "trade_off",
        "epsilon",
    }
    text = page.markdown(report, "the command")
    assert "### biased_mf" in text and "trimmed" in text and "Left out: 2 cells" in text
    assert "| wrmf | linf | cw |" in text and "| wrmf | l2 | random |" in text
    assert "## Trade-off" in text and "| scrub by overlap at 6 | " in text
    assert "### ease, tail targets" in text
    assert "## Transfer" in text and "| attack | white | gray | black |" in text
    assert "nuke" not in text  # without a popular target nothing can fall
    with pytest.raises(ValueError, match="`attacks` should be of .*'x'"):
        grid.GridSettings(attacks=("x",))


def test_a_fake_rates_as_many_items_as_published_or_as_the_mean_user(tmp_path, data_root):
    assert load_setting("ml100k", root=data_root).fillers == 90
    lines = ["user_id,item_id,rating", *(f"{u},{i},3" for u in range(9) for i in range(12))]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    own = load_setting(str(tmp_path / "own.csv"), rating_column="rating")
    assert own.fillers == round(len(own.split.train) / 9) == 11


def test_own_items_are_a_group_of_targets_by_their_ids(tmp_path):
    lines = ["user;item;stars", *(f"u{u};i{i};3" for u in range(9) for i in range(12))]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    columns = {"user_column": "user", "item_column": "item", "rating_column": "stars"}
    columns["separator"] = ";"
    found = load_setting(str(tmp_path / "own.csv"), own_targets=["i7", "i2", "i7"], **columns)
    ids = found.split.train.items.ids
    assert [ids[t] for t in found.targets["own"]] == ["i7", "i2"]
    assert [found.id_of(t) for t in found.targets["own"]] == ["i7", "i2"]
    assert next(iter(found.targets)) == "own"  # what is attacked where no group is named
    with pytest.raises(ValueError, match="`own_targets` .*such as i0. Received: j9"):
        load_setting(str(tmp_path / "own.csv"), own_targets=["i7", "j9"], **columns)


@pytest.mark.parametrize("size", [0.0, -1.0, 50.0, float("nan")])
def test_the_size_of_an_attack_is_a_share(size):
    for build in (
        lambda: grid.GridSettings(size=size),
        lambda: cells.Cell(attack="random", victim="biased_mf", target=0, size=size),
    ):
        with pytest.raises(ValueError, match=r"`size` should be a share in \(0, 1\]"):
            build()


def test_a_scale_from_zero_is_shifted_and_the_page_says_so(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["user_id,item_id,rating"]
    for u in range(40):
        for i in rng.choice(30, 12, replace=False):
            lines.append(f"{u},{i},{rng.integers(0, 5)}")
    path = tmp_path / "zero.csv"
    path.write_text("\n".join(lines) + "\n")
    found = load_setting(str(path), rating_column="rating")
    assert found.shift == 1.0 and found.split.train.rating.min() == 1.0
    settings = grid.GridSettings(
        attacks=("none", "random"),
        victims=("biased_mf",),
        other_attacks=(),
        transfer_victims=(),
        informed_victims=(),
        defended_victims=(),
        hardened_victims=(),
        sized_victims=(),
        curve_victims=(),
        seeds=1,
        targets=1,
        few_targets=1,
    )
    bench = cells.Bench(found, StageStore(tmp_path / "run", {}))
    report = grid.run(bench, settings, say=lambda _: None)
    assert "Ratings were shifted by +1" in page.markdown(report, "command")


SMALLEST = grid.GridSettings(
    attacks=("none", "random", "average"),
    victims=("biased_mf",),
    other_attacks=(),
    transfer_victims=(),
    informed_victims=(),
    defences=("none",),
    defended_victims=("ease",),
    defended_attacks=("random",),
    strictness=(),
    hardened_victims=(),
    sized_victims=(),
    curve_victims=(),
    seeds=1,
    targets=2,
    few_targets=1,
)


def own_file(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        f"{u},{i},{rng.integers(1, 6)}"
        for u in range(40)
        for i in rng.choice(30, 12, replace=False)
    ]
    path = tmp_path / "own.csv"
    path.write_text("\n".join(["user_id,item_id,rating", *rows]))
    return str(path)


def test_groups_of_targets_that_the_data_lack_are_refused():
    with pytest.raises(ValueError, match="`groups` should name one of tail, .*: published"):
        grid.cells_of(dataclasses.replace(SMALLEST, groups=("published",)), setting())


def without_seconds(part):
    return [
        {name: value for name, value in row.items() if not name.endswith("seconds")} for row in part
    ]


def test_cells_measured_in_other_processes_are_those_measured_here(tmp_path):
    path, said = own_file(tmp_path), []
    fresh = functools.partial(cells.open_bench, path, rating_column="rating", per_group=2)
    here = grid.run(fresh(run_dir=tmp_path / "here"), SMALLEST, say=said.append)
    there = tmp_path / "there"
    elsewhere = grid.run(
        fresh(run_dir=there),
        SMALLEST,
        fresh=functools.partial(fresh, run_dir=there, resume=True),
        workers=2,
        say=said.append,
    )
    for part, rows in here["parts"].items():
        assert without_seconds(elsewhere["parts"][part]) == without_seconds(rows)
    assert said[-1].startswith("  9/9 cells")


def test_a_process_that_fails_is_said_and_what_is_done_is_kept(tmp_path):
    path = own_file(tmp_path)
    bench = cells.open_bench(path, run_dir=tmp_path / "run", rating_column="rating")
    lost = functools.partial(
        cells.open_bench, path, run_dir=tmp_path / "run", resume=True, rating_column="stars"
    )
    with pytest.raises(ChildProcessError, match="1 of the 1 processes .*stars.*--resume"):
        grid.run(bench, SMALLEST, fresh=lost, workers=1)


def test_cells_on_the_same_fakes_stay_together():
    cells_ = [
        dataclasses.replace(CELL, attack=attack, victim=victim)
        for victim in ("biased_mf", "ease")
        for attack in ("random", "average", "segment")
    ]
    shares = grid.shares_of(cells_, size=3)
    assert [[cell.attack for cell in fraction] for fraction in shares] == [
        ["random", "random", "average", "average"],
        ["segment", "segment"],
    ]
    assert sorted(cell for fraction in shares for cell in fraction) == sorted(cells_)
