import dataclasses
import json

import pytest

from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.training import recipes
from experiments.augmentation import cold, study
from experiments.augmentation.__main__ import main
from experiments.augmentation.page import TITLES, markdown_page, plots
from experiments.harness.baselines import closed_form, random_ranking
from experiments.harness.entries import Entry
from experiments.harness.results import Result


def silent(line):
    pass


def result(ndcg, tail=0.1):
    values = {"ndcg@10": ndcg, "long_tail_share@10": tail}
    return Result({"validation": values, "t": values})


def test_a_long_tail_setting_has_the_most_rare_items_of_those_that_keep_the_accuracy():
    baseline = result(0.100, 0.10)
    points = [result(0.0995, 0.15), result(0.0991, 0.20), result(0.0985, 0.90)]
    assert study.keeping_accuracy(points, baseline, "ndcg@10") == 1
    # none keeps 99 %: the most accurate
    points = [result(0.05, 0.9), result(0.06, 0.2)]
    assert study.keeping_accuracy(points, baseline, "ndcg@10") == 1


def test_the_default_may_be_no_augmentation():
    def default(part, other):
        return study.default(part, {"no augmentation": [result(0.100, 0.1)], "other": [other]})

    assert default("tail", result(0.090, 0.9)) == "no augmentation"
    assert default("tail", result(0.0995, 0.9)) == "other"
    assert default("sparse", result(0.2)) == "other"


@pytest.fixture
def small_tables(monkeypatch):
    known = {"needs": ("attributes",)}

    def entries_of(part, settings):
        popularity = Entry(train=closed_form(recipes.popularity))
        if part == "tail":
            return {"no augmentation": popularity}
        return {
            "random": Entry(train=random_ranking(5)),
            "popularity": popularity,
            "popularity by attributes": Entry(
                train=cold.group_popularity, space={"strength": settings.strength}, **known
            ),
            "GAN": Entry(train=cold.bootstrapped_profiles, ablation="popularity", **known),
        }

    monkeypatch.setattr(study, "entries_of", entries_of)


def run(interactions, settings, folder, *, parts=("cold", "tail"), **more):
    report = {"command": "python it"} | study.run(
        interactions,
        settings,
        folder,
        parts=parts,
        **{"log": silent, **more},
    )
    return markdown_page(report, folder / "augmentation-made.md"), report


@pytest.mark.slow
def test_a_resumed_run_trains_nothing_and_says_the_same(
    tiny_world, settings, tmp_path, small_tables
):
    text, report = run(tiny_world, settings, tmp_path)
    lines = []
    again, second = run(tiny_world, settings, tmp_path, resume=True, log=lines.append)
    assert again == text and json.dumps(second) == json.dumps(report) and lines == []
    part = report["parts"][0]
    found = part["entries"]["popularity by attributes"]
    assert set(found["tried"]) == {"strength 100", "strength 1000"}
    mean = found["mean"]["withheld"]["ndcg@10"]
    deviation = found["deviation"]["withheld"]["ndcg@10"]
    assert f"{mean:.4f} ({deviation:.4f})" in text
    gap = part["entries"]["GAN"]["against"]["popularity"]["withheld"]
    assert f"adds: withheld {gap['difference']:+.4f} ± {gap['half_width']:.4f}, p " in text
    assert "Against the others, withheld: random +" in text
    assert f"Validation prefers **{part['default']}**" in text
    assert "- parts not run: sparse, sequences" in text
    more = dataclasses.replace(settings, seeds=3)
    _, third = run(tiny_world, more, tmp_path, resume=True)
    assert third["parts"][0]["seeds"] == 3


@pytest.mark.slow
def test_the_first_seed_of_the_run_is_measured_as_its_setting_says(
    tiny_world, settings, tmp_path, small_tables, make_task
):
    one = dataclasses.replace(settings, seeds=1)
    _, report = run(tiny_world, one, tmp_path, parts=("cold",))
    task = make_task("cold")
    evaluator = RankingEvaluator(task.interactions, task.setting.cold.test)
    expected = evaluator.evaluate(closed_form(recipes.popularity)(task)).metrics["ndcg@10"]
    found = report["parts"][0]["entries"]["popularity"]
    assert found["mean"]["withheld"]["ndcg@10"] == expected


def test_a_csv_becomes_a_page_with_its_plots(tiny_world, tmp_path, small_tables):
    lines = [
        f"{tiny_world.users.ids[u]},{tiny_world.items.ids[i]},{t:.0f}"
        for u, i, t in zip(
            tiny_world.user_index, tiny_world.item_index, tiny_world.timestamp, strict=True
        )
    ]
    data = tmp_path / "events.csv"
    data.write_text("\n".join(["user_id,item_id,when", *lines]) + "\n")
    arguments = [
        *["--data", str(data), "--time-column", "when", "--seeds", "1"],
        *["--run-dir", str(tmp_path / "run"), "--out", str(tmp_path / "docs" / "results")],
    ]
    with pytest.raises(SystemExit, match="Error: `parts` should leave out 'cold'"):
        main([*arguments, "--parts", "cold"])
    main([*arguments, "--parts", "tail"])
    page = tmp_path / "docs" / "results" / "augmentation-events.md"
    text = page.read_text()
    assert "![The long tail](../images/augmentation-events-tail.png)" in text
    assert (tmp_path / "docs" / "images" / "augmentation-events-tail.png").exists()
    assert (tmp_path / "run" / "plots" / "tail.png").exists()
    report = json.loads((tmp_path / "run" / "augmentation-events.json").read_text())
    value = report["parts"][0]["entries"]["no augmentation"]["mean"]["next item"]["ndcg@10"]
    assert "| no augmentation |  | " in text and f" | {value:.4f} | " in text
    page.unlink()
    with pytest.raises(SystemExit) as ended:
        main(["--render", str(page.with_suffix(".json"))])
    assert ended.value.code == 0 and page.read_text() == text


def test_parts_that_the_data_does_not_allow_are_refused_by_name_or_left_out(tiny_world, settings):
    bare = dataclasses.replace(tiny_world, timestamp=None, user_features=None)
    prepared = study.prepare(bare, settings)
    assert study.allowed_parts(prepared, None) == ["sparse", "tail"]
    with pytest.raises(ValueError, match="`parts` should leave out 'cold': users have no attr"):
        study.allowed_parts(prepared, ["cold"])
    with pytest.raises(ValueError, match="leave out 'sequences': interactions have no tim"):
        study.allowed_parts(prepared, ["sequences"])


def test_attributes_come_from_a_file_of_users(tiny_world, settings, tmp_path):
    bare = dataclasses.replace(tiny_world, user_features=None)
    file = tmp_path / "users.csv"
    ids = bare.users.ids[:100]
    file.write_text(
        "user_id,sex,post\n" + "".join(f"{u},{'MF'[i % 2]},{i}x\n" for i, u in enumerate(ids))
    )
    prepared = study.prepare(bare, settings, file)
    assert prepared.about["attributes"] == "sex"  # a hundred post codes are no attribute
    left = set(prepared.interactions.users.ids) - set(ids)  # of three interactions or more
    assert prepared.about["users without attributes"] == len(left) > 0
    assert prepared.attributes.width == 3  # M, F and missing


@pytest.mark.slow
def test_every_entry_of_every_part_runs_and_stands_on_the_page(tiny_world, settings, tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra `analysis`")
    one = dataclasses.replace(settings, seeds=1)
    text, report = run(tiny_world, one, tmp_path, parts=None)
    assert [part["part"] for part in report["parts"]] == list(TITLES)
    for part in report["parts"]:
        assert len(part["entries"]) > 5
        assert all(f"| {label} | " in text for label in part["entries"])
    assert {*TITLES, "sequence_networks"} == set(plots(report, "made"))
