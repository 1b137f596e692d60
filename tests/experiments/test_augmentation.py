import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import MatrixRecommender, log_popularity
from advrec_tf.pipelines.stages import StageResult, StageStore
from experiments.augmentation import cold, job, models, page, runner, sparse
from experiments.augmentation import shared as base_rows
from experiments.augmentation import tail as tail_rows
from experiments.augmentation.evaluation import make_setting
from experiments.augmentation.settings import AugmentationSettings
from experiments.augmentation.task import Row, Task, factorize

SETTINGS = AugmentationSettings(
    seeds=2,
    sequence_seeds=1,
    dim=8,
    batch_size=256,
    epochs=2,
    gan_epochs=2,
    weight=(0.3,),
    strength=(100.0, 1000.0),
    cap=0.2,
    steered_fraction=(0.1,),
    row_power=(0.5,),
    penalty=(0.1, 0.5),
    length=5,
    sequence_epochs=1,
    game_epochs=1,
)


def quiet(*_):
    pass


@pytest.fixture(scope="module")
def prepared(tiny_world):
    return job.prepare(tiny_world, SETTINGS)


def task(setting, prepared, point=None, settings=SETTINGS):
    return Task(
        setting=setting,
        settings=settings,
        point=point,
        attributes=prepared.attributes,
        groups=prepared.groups,
        cache={},
        label="row",
        write=quiet,
    )


def result(ndcg, tail=0.1, arrays=None):
    figures = {name: {"ndcg@10": ndcg, "long_tail_share@10": tail} for name in ("validation", "t")}
    return StageResult({"figures": figures, "seconds": 1.0}, arrays or {"t": np.zeros(3)})


# Arenas.


def test_users_known_by_attributes_have_no_row_left(prepared):
    setting = make_setting("cold", prepared.interactions, 0)
    assert not setting.train.user_counts()[setting.cold.users].any()
    assert set(setting.tests) == {"withheld", "next item"}
    assert set(setting.tests["next item"].users) <= set(setting.cold.users)


def test_each_seed_cuts_its_own_fifth(prepared):
    users = [make_setting("sparse", prepared.interactions, seed).cold.users for seed in (0, 1, 0)]
    np.testing.assert_array_equal(users[0], users[2])
    assert set(users[0]) != set(users[1])
    setting = make_setting("sparse", prepared.interactions, 0)
    for count in (1, 3, 5):
        assert set(setting.train.user_counts()[setting.groups[f"cut to {count}"]]) == {count}


def test_nobody_is_cut_for_the_long_tail_and_without_times_there_is_no_next_item(prepared):
    setting = make_setting("tail", prepared.interactions, 0)
    assert setting.train.user_counts().min() > 0 and list(setting.tests) == ["next item"]
    untimed = dataclasses.replace(prepared.interactions, timestamp=None)
    assert list(make_setting("tail", untimed, 0).tests) == ["random rows"]
    with pytest.raises(ValueError, match="`part` should be one of"):
        make_setting("no such", untimed, 0)


# Choices.


def test_a_setting_is_chosen_by_validation():
    assert runner.choose("sparse", {0.1: result(0.3), 1.0: result(0.4)}, None) == 1.0


def test_a_long_tail_setting_is_the_largest_share_that_keeps_the_accuracy():
    base = result(0.100, 0.10)
    points = {1: result(0.0995, 0.15), 2: result(0.0991, 0.20), 3: result(0.0985, 0.90)}
    assert runner.choose("tail", points, base) == 2
    # none keeps 99 %: the most accurate
    assert runner.choose("tail", {1: result(0.05, 0.9), 2: result(0.06, 0.2)}, base) == 2


def test_the_default_of_the_long_tail_may_be_off():
    off, penalized = [result(0.100, 0.1)], [result(0.090, 0.9)]
    assert runner.default("tail", {"off": off, "penalized": penalized}) == "off"
    assert runner.default("tail", {"off": off, "penalized": [result(0.0995, 0.9)]}) == "penalized"
    assert runner.default("sparse", {"off": off, "rows": [result(0.2)]}) == "rows"


def test_a_user_counts_with_the_mean_of_the_seeds_in_which_it_was_measured():
    nan = np.nan
    results = [
        result(0, arrays={"t": np.array([1.0, nan, nan])}),
        result(0, arrays={"t": np.array([0.5, 0.2, nan])}),
    ]
    means = runner._mean_per_user(results)["t"]
    assert means[0] == 0.75 and means[1] == 0.2 and np.isnan(means[2])


# Rows.


@pytest.fixture
def trained_on(monkeypatch):
    """What rows give to the factorization, which is not trained."""
    given = []

    def factorize(task, data=None, **settings):
        given.append((data, settings))
        return MatrixRecommender(
            scores=np.zeros((task.train.num_users, task.train.num_items), np.float32),
            interactions=task.train,
        )

    for module in (base_rows, tail_rows):
        monkeypatch.setattr(module, "factorize", factorize)
    return given


def test_steered_rows_are_as_rare_as_the_cap_says(prepared, trained_on):
    setting = make_setting("tail", prepared.interactions, 0)
    drifts = []
    for cap in (0.01, 0.6):
        many = dataclasses.replace(SETTINGS, steered_rows=0.9, cap=cap)
        tail_rows.steered_rows("random")(task(setting, prepared, 0.1, many))
        popularity = log_popularity(setting.train)
        drawn = trained_on[-1][0]
        assert drawn.real is setting.train and drawn.fraction == 0.1 and len(drawn) > 1000
        real = popularity[setting.train.item_index].mean()
        drifts.append(popularity[drawn.item_index].mean() - real)
    # drawn without replacement out of few: a little rarer than single draws
    assert -0.25 < drifts[0] < 0.1 and drifts[1] == pytest.approx(drifts[0] - 0.59, abs=0.2)


def test_reweighted_rows_have_mean_one_and_weigh_by_the_power(prepared, trained_on):
    setting = make_setting("tail", prepared.interactions, 0)
    tail_rows.reweighted(task(setting, prepared, 0.5))
    weight = trained_on[-1][1]["row_weight"]
    counts = setting.train.item_counts()[setting.train.item_index]
    assert weight.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(weight / weight[0], (counts / counts[0]) ** -0.5, rtol=1e-6)


def test_the_penalty_is_taken_off_at_serving(prepared, trained_on):
    setting = make_setting("tail", prepared.interactions, 0)
    scores = tail_rows.penalized(task(setting, prepared, 0.5)).scores
    np.testing.assert_allclose(scores[3], -0.5 * log_popularity(setting.train), rtol=1e-5)


def test_filled_up_users_have_as_many_rows_as_the_reach(prepared, trained_on):
    setting = make_setting("sparse", prepared.interactions, 0)
    min_history = dataclasses.replace(SETTINGS, min_history=7)
    sparse.popular_rows(task(setting, prepared, 0.3, min_history))
    written = trained_on[-1][0]
    counts = setting.train.user_counts() + np.bincount(
        written.user_index, minlength=setting.train.num_users
    )
    assert (counts == np.maximum(setting.train.user_counts(), 7)).all() and written.weight == 0.3


def test_a_copied_profile_comes_first_and_popular_items_before_rare_ones(prepared):
    setting = make_setting("cold", prepared.interactions, 0)
    one = task(setting, prepared)
    scores = cold.bootstrap(one).scores
    user = setting.cold.users[0]
    copied = scores[user] > 50
    assert 0 < copied.sum() < setting.train.num_items
    np.testing.assert_allclose(
        scores[user] - 100 * copied, log_popularity(setting.train), atol=1e-4
    )


def test_every_generated_row_has_its_ablation_and_every_part_its_base():
    for part, table in models.TABLES.items():
        assert next(iter(table)) == models.BASES[part] or part == "cold"
        assert any(row.ablation in table for row in table.values() if row.ablation)
        for label, row in table.items():
            assert ("GAN" in label) == (row.ablation is not None), label
            assert row.setting == "" or hasattr(SETTINGS, row.setting)


@pytest.mark.slow
def test_a_factorization_trained_anew_is_as_if_there_had_been_none_before(prepared):
    setting = make_setting("tail", prepared.interactions, 0)
    shared = task(setting, prepared)
    fresh = factorize(task(setting, prepared)).user_vectors
    counts = np.arange(len(setting.train)) % 2
    other = factorize(shared, row_weight=counts).user_vectors
    again = factorize(shared).user_vectors
    np.testing.assert_array_equal(again, fresh)
    assert np.abs(other - fresh).max() > 1e-3


# The job.


@pytest.fixture
def small_tables(monkeypatch):
    table = {
        "random": Row(make=cold.random_ranking),
        "popularity": Row(make=base_rows.popularity),
        "popularity by attributes": Row(
            make=cold.group_popularity, setting="strength", needs_attributes=True
        ),
        "GAN": Row(make=cold.bootstrap, ablation="popularity", needs_attributes=True),
    }
    tables = {"cold": table, "tail": {"off": Row(make=base_rows.popularity)}}
    monkeypatch.setattr(runner, "TABLES", tables)


def run(interactions, folder, *, parts=("cold", "tail"), settings=SETTINGS, **more):
    report, plots = job.run(
        interactions,
        settings,
        folder,
        parts=parts,
        title="made",
        command="python -m experiments.augmentation",
        **{"write": quiet, **more},
    )
    return page.markdown(report, "made", "plots/"), report, plots


def test_a_resumed_run_makes_nothing_anew_and_says_the_same(tiny_world, tmp_path, small_tables):
    text, report, plots = run(tiny_world, tmp_path)
    lines = []
    again, second, _ = run(tiny_world, tmp_path, resume=True, write=lines.append)
    assert again == text and json.dumps(second) == json.dumps(report) and lines == []
    found = report["parts"][0]["rows"]["popularity by attributes"]
    assert set(found["tried"]) == {"100", "1000"}
    mean = found["mean"]["withheld"]["ndcg@10"]
    deviation = found["deviation"]["withheld"]["ndcg@10"]
    assert f"{mean:.4f} ({deviation:.4f})" in text
    gap = report["parts"][0]["rows"]["GAN"]["against"]["popularity"]["withheld"]
    assert f"bought: withheld {gap['difference']:+.4f}, p {gap['p_value']:.2g}; next item" in text
    assert "Less the others, withheld: random +" in text
    assert f"Validation prefers **{report['parts'][0]['default']}**" in text
    assert [p.name for p in plots] == ["cold.png", "tail.png"] and all(p.exists() for p in plots)
    more = dataclasses.replace(SETTINGS, seeds=3)
    _, third, _ = run(tiny_world, tmp_path, settings=more, resume=True)
    assert third["parts"][0]["seeds"] == 3


def test_a_page_of_what_is_finished_trains_nothing_and_says_how_many_seeds(
    tiny_world, tmp_path, small_tables
):
    run(tiny_world, tmp_path, parts=("cold",))
    next(tmp_path.glob("stages/cold-GAN-1.npz")).unlink()
    text, report, _ = run(tiny_world, tmp_path, page_only=True)
    assert [(part["part"], part["seeds"]) for part in report["parts"]] == [("cold", 1)]
    assert "- parts not here: sparse, tail, sequences" in text
    assert not (tmp_path / "stages" / "cold-GAN-1.npz").exists()
    with pytest.raises(ValueError, match="`run_dir` should hold a finished seed"):
        run(tiny_world, tmp_path, parts=("tail",), page_only=True)


def test_the_first_seed_of_the_run_is_measured_as_its_setting_says(
    tiny_world, tmp_path, small_tables, prepared
):
    one = dataclasses.replace(SETTINGS, seeds=1)
    _, report, _ = run(tiny_world, tmp_path, parts=("cold",), settings=one)
    setting = make_setting("cold", prepared.interactions, 0)
    model = base_rows.popularity(task(setting, prepared))
    evaluator = RankingEvaluator(setting.train, setting.cold.withheld)
    expected = evaluator.evaluate(model).metrics["ndcg@10"]
    assert report["parts"][0]["rows"]["popularity"]["mean"]["withheld"]["ndcg@10"] == expected


def script():
    path = Path(__file__).parents[3] / "scripts" / "augmentation.py"
    spec = importlib.util.spec_from_file_location("augmentation", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
        script().main([*arguments, "--parts", "cold"])
    script().main([*arguments, "--parts", "tail"])
    text = (tmp_path / "docs" / "results" / "augmentation-events.md").read_text()
    assert "![The long tail](../images/augmentation-events-tail.png)" in text
    assert (tmp_path / "docs" / "images" / "augmentation-events-tail.png").exists()
    report = json.loads((tmp_path / "run" / "augmentation-events.json").read_text())
    value = report["parts"][0]["rows"]["off"]["mean"]["next item"]["ndcg@10"]
    assert "| off |  | " in text and f" | {value:.4f} | " in text


def test_parts_that_the_data_cannot_feed_are_refused_by_name_or_left_out(tiny_world):
    bare = dataclasses.replace(tiny_world, timestamp=None, user_features=None)
    prepared = job.prepare(bare, SETTINGS)
    assert job.allowed_parts(prepared, None) == ["sparse", "tail"]
    with pytest.raises(ValueError, match="`parts` should leave out 'cold': users have no attr"):
        job.allowed_parts(prepared, ["cold"])
    with pytest.raises(ValueError, match="`parts` should leave out 'sequences': rows have no tim"):
        job.allowed_parts(prepared, ["sequences"])


def test_attributes_come_from_a_file_of_users(tiny_world, tmp_path):
    bare = dataclasses.replace(tiny_world, user_features=None)
    file = tmp_path / "users.csv"
    ids = bare.users.ids[:100]
    file.write_text(
        "user_id,sex,post\n" + "".join(f"{u},{'MF'[i % 2]},{i}x\n" for i, u in enumerate(ids))
    )
    prepared = job.prepare(bare, SETTINGS, file)
    assert prepared.about["attributes"] == "sex"  # a hundred post codes are no attribute
    left = set(prepared.interactions.users.ids) - set(ids)  # of those with three rows or more
    assert prepared.about["users without attributes"] == len(left) > 0
    assert prepared.attributes.width == 3  # M, F and missing


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": 0}, "`seeds` should be > 0. Received: 0"),
        ({"penalty": (0.3, -0.1)}, "`penalty` should be > 0"),
        ({"weight": ()}, "`weight` should hold a value"),
        ({"gan_weight": -1.0}, "`gan_weight` should be >= 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        AugmentationSettings(**settings)


@pytest.mark.slow
def test_every_row_of_every_part_runs_and_stands_on_the_page(tiny_world, tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra `analysis`")
    prior_max_history = dataclasses.replace(SETTINGS, seeds=1)
    text, report, plots = run(tiny_world, tmp_path, parts=None, settings=prior_max_history)
    assert [part["part"] for part in report["parts"]] == ["sparse", "cold", "tail", "sequences"]
    for part in report["parts"]:
        labels = list(models.TABLES.get(part["part"], part["rows"]))
        assert list(part["rows"]) == labels
        for label in labels:
            assert f"| {label} | " in text
    assert set(page.TITLES) == {part["part"] for part in report["parts"]}
    assert {p.stem for p in plots} >= {"sparse", "cold", "tail", "sequences", "sequence_players"}
    store = StageStore(tmp_path, json.loads((tmp_path / "run.json").read_text()), resume=True)
    written = store.result("sequences-GAN__Gumbel_softmax-0").arrays["items"]
    assert written.shape[1] == SETTINGS.length
