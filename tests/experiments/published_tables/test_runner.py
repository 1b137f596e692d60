import dataclasses
import functools
import json

import numpy as np
import pytest

from advrec_tf.data import splits
from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import MatrixRecommender
from advrec_tf.pipelines.processes import in_order
from advrec_tf.pipelines.stages import sole_run
from experiments.published_tables import files, page, results, runner, trainers
from experiments.published_tables.limits import Limits
from experiments.published_tables.models import MODELS, ModelSpec
from experiments.published_tables.parts import Parts
from experiments.published_tables.search import search
from experiments.published_tables.tables import TABLES, Table, last_in_file, random_fraction
from experiments.published_tables.tasks import Choice, Task, Trained

pytest.importorskip("optuna")


def rows(pairs, num_users, num_items):
    index = np.array(pairs, np.int32).reshape(-1, 2)
    return Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
    )


WORLD = splits.random_ratio(
    rows(np.argwhere(np.random.default_rng(0).random((30, 12)) < 0.5), 30, 12),
    validation=0.2,
    test=0.2,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinyTable(Table):
    def load(self, root=None):
        nothing = WORLD.train.select(np.zeros(len(WORLD.train), bool))
        return (
            dataclasses.replace(WORLD, test=nothing),
            dataclasses.replace(WORLD, validation=nothing),
        )


def tiny(**changes):
    settings = {
        "benchmark": "irgan-ml100k",
        "protocol": "a tiny world",
        "metrics": ("plain_recall@3", "ndcg@3"),
        "choose_by": "ndcg@3",
        "hide": None,
        "refit": False,
        "references": {"others": {"ndcg@3": 0.5}},
        "enters": ("popularity", "EASE", "shift", "shifted"),
    }
    return TinyTable(**{**settings, **changes})


def shifted_scores(task):
    """Scores that are best at size 2; `size` and seed are all they depend on."""
    truth = np.zeros((30, 12), np.float32)
    target = WORLD.validation if task.evaluator else WORLD.test
    truth[target.user_index, target.item_index] = 1.0
    noise = np.random.default_rng(task.seed).normal(size=truth.shape)
    off = abs(task.settings["size"] - 2) + 0.3
    model = MatrixRecommender(
        scores=(truth + off * noise).astype(np.float32), interactions=task.train
    )
    value = None
    if task.evaluator is not None:
        value = task.evaluator.evaluate(model).metrics[task.monitor]
    return Trained(model, 4, value, 0.5)


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setitem(TABLES, "tiny", tiny())
    monkeypatch.setitem(
        MODELS, "shift", ModelSpec(train=shifted_scores, space={"size": (0, 1, 2), "b": (7,)})
    )
    monkeypatch.setitem(
        MODELS,
        "shifted",
        ModelSpec(train=shifted_scores, like="shift", override={"size": 5}, ablation="shift"),
    )


def reproduce(tmp_path, **settings):
    return runner.run(
        "tiny",
        run_dir=tmp_path / "run",
        settings_file=tmp_path / "settings.json",
        workers=0,
        **{"seeds": 3, **settings},
    )


def test_a_table_has_the_best_settings_the_ablation_and_the_controls_own_settings(world, tmp_path):
    report = reproduce(tmp_path, budget=3)
    found = report["rows"]
    assert list(found) == ["popularity", "EASE", "shift", "shifted"]
    assert found["shift"]["settings"] == {"size": 2, "b": 7} and found["shift"]["epochs"] == 4
    assert found["shifted"]["settings"] == {"size": 5, "b": 7}
    assert found["shift"]["seeds"] == 3 and found["EASE"]["seeds"] == 1
    assert found["shifted"]["paired"]["ablation"]["against"] == "shift"
    assert found["shifted"]["paired"]["ablation"]["ndcg@3"]["difference"] < 0
    assert "ablation" not in found["shift"]["paired"] and "EASE" not in found["EASE"]["paired"]
    expected = found["shift"]["mean"]["ndcg@3"] - found["EASE"]["mean"]["ndcg@3"]
    assert found["shift"]["paired"]["EASE"]["ndcg@3"]["difference"] == pytest.approx(expected)


def test_a_table_may_say_its_own_sizes_epochs_and_seeds_and_a_control_keeps_to_them(
    world, tmp_path, monkeypatch
):
    seen = []

    def noting(task):
        if task.evaluator is not None:
            seen.append((dict(task.settings), task.epochs))
        return shifted_scores(task)

    for label in ("shift", "shifted"):
        noted = dataclasses.replace(MODELS[label], train=noting, epochs=9)
        monkeypatch.setitem(MODELS, label, noted)
    limits = Limits(sizes={"shift": {"size": (1,)}}, epochs={"shift": 3}, seeds={"shift": 2})
    monkeypatch.setitem(TABLES, "tiny", tiny(limits=limits))
    found = reproduce(tmp_path, budget=3)["rows"]
    assert found["shift"]["seeds"] == 2 and found["shifted"]["seeds"] == 3
    assert seen == [({"size": 1, "b": 7}, 3), ({"size": 5, "b": 7}, 3)]


def test_a_control_may_take_the_epochs_of_its_model_without_a_trial(world, tmp_path, monkeypatch):
    monkeypatch.setitem(TABLES, "tiny", tiny(limits=Limits(untuned=("shifted",))))
    asked = []

    def noting(task):
        asked.append((task.evaluator is not None, task.epochs))
        return shifted_scores(task)

    monkeypatch.setitem(MODELS, "shifted", dataclasses.replace(MODELS["shifted"], train=noting))
    report = reproduce(tmp_path, budget=3, seeds=1)
    row = report["rows"]["shifted"]
    assert row["settings"] == {"size": 5, "b": 7}
    assert (row["epochs"], row["validation"], row["trials"]) == (4, None, 0)
    assert asked == [(False, 4)]  # never on validation rows
    assert "5 | 4 |  | 0 |" in page.markdown(report, "x", "y")


def test_a_row_without_a_trial_has_the_first_of_its_settings_and_the_most_epochs(
    world, tmp_path, monkeypatch
):
    limits = Limits(untuned=("shift",), sizes={"shift": {"b": (8, 7)}}, epochs={"shift": 6})
    monkeypatch.setitem(TABLES, "tiny", tiny(limits=limits))
    found = reproduce(tmp_path, budget=3, seeds=1)["rows"]
    shift, shifted = found["shift"], found["shifted"]
    assert shift["settings"] == {"size": 0, "b": 8}
    assert (shift["epochs"], shift["validation"], shift["trials"]) == (6, None, 0)
    assert (shifted["settings"], shifted["trials"]) == ({"size": 5, "b": 8}, 1)


def test_the_settings_file_gives_the_same_table_without_a_search(world, tmp_path):
    first = reproduce(tmp_path, budget=2)
    (tmp_path / "run").rename(tmp_path / "other")
    second = reproduce(tmp_path)
    for label, row in first["rows"].items():
        for metric in ("ndcg@3", "plain_recall@3"):
            assert second["rows"][label]["mean"][metric] == row["mean"][metric]


def test_without_settings_and_without_a_search_nothing_is_run(world, tmp_path):
    with pytest.raises(ValueError, match="Received none for popularity; EASE; shift; shifted"):
        reproduce(tmp_path)


def test_a_control_brings_the_model_whose_settings_it_takes_into_the_search(world, tmp_path):
    report = reproduce(tmp_path, budget=3, only=["shifted"])
    assert list(report["rows"]) == ["shifted"] and report["not_run"][-1] == "shift"
    assert report["rows"]["shifted"]["settings"]["size"] == 5


def test_a_resumed_run_trains_nothing_again_and_gives_the_same_report(world, tmp_path, monkeypatch):
    first = reproduce(tmp_path, budget=2)
    with pytest.raises(FileExistsError, match="--resume"):
        reproduce(tmp_path)
    for label in TABLES["tiny"].enters:
        broken = dataclasses.replace(MODELS[label], train=lambda task: 1 / 0)
        monkeypatch.setitem(MODELS, label, broken)
    again = reproduce(tmp_path, resume=True)
    assert json.dumps(again) == json.dumps(first)


def test_other_settings_train_anew_and_so_does_what_builds_on_them(world, tmp_path):
    reproduce(tmp_path, budget=3)
    path = tmp_path / "settings.json"
    chosen = files.read_choices(path)
    changed = Choice({"size": 1, "b": 7}, 4)
    before = {label: results.stage_name(label, 0, chosen) for label in ("EASE", "shift", "shifted")}
    files.write_choices(path, {**chosen, "shift": changed})
    report = reproduce(tmp_path, resume=True)
    assert report["rows"]["shift"]["settings"]["size"] == 1
    after = {label: results.stage_name(label, 0, files.read_choices(path)) for label in before}
    assert before["EASE"] == after["EASE"]
    assert before["shift"] != after["shift"] and before["shifted"] != after["shifted"]


def test_a_search_tries_the_default_first_and_no_point_twice(tmp_path):
    tried = []

    def train(task):
        tried.append(dict(task.settings))
        return Trained(None, 1, -abs(task.settings["a"] - 3), 0.0)

    spec = ModelSpec(train=train, space={"a": (5, 3, 4), "b": (1, 2), "c": (9,)})
    task = Task(
        train=WORLD.train,
        settings={},
        epochs=1,
        evaluator=None,
        monitor="ndcg@3",
        patience=1,
        every=1,
        seed=0,
        chosen={},
    )
    journal = tmp_path / "journal"
    search("x", spec, task, budget=2, journal=journal, say=lambda line: None)
    assert len(tried) == 2 and tried[0] == {"a": 5, "b": 1, "c": 9}
    # What the journal holds is not tried again; a larger budget goes on where it stopped.
    choice = search("x", spec, task, budget=99, journal=journal, say=lambda line: None)
    points = {tuple(sorted(point.items())) for point in tried}
    assert len(tried) == len(points) == 6
    assert choice.settings["a"] == 3 and choice.value == 0 and choice.trials == 6
    with pytest.raises(ValueError, match="`budget` should be >= 1"):
        search("x", spec, task, budget=0, journal=journal)


def test_a_trial_that_was_killed_is_tried_again(tmp_path):
    calls = []

    def train(task):
        calls.append(task.settings["a"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return Trained(None, 1, float(task.settings["a"]), 0.0)

    spec = ModelSpec(train=train, space={"a": (1, 2)})
    task = Task(
        train=WORLD.train,
        settings={},
        epochs=1,
        evaluator=None,
        monitor="ndcg@3",
        patience=1,
        every=1,
        seed=0,
        chosen={},
    )
    journal = tmp_path / "journal"
    with pytest.raises(KeyboardInterrupt):
        search("x", spec, task, budget=2, journal=journal, say=lambda line: None)
    choice = search("x", spec, task, budget=2, journal=journal, say=lambda line: None)
    assert calls == [1, 2, 2] and choice.settings == {"a": 2}


def test_plain_recall_divides_by_all_relevant_items():
    # 4 relevant items, 2 of them in the first 3 places: 2/4, where recall@3 is 2/3
    train = rows([(0, 5)], 1, 6)
    relevant = rows([(0, 0), (0, 1), (0, 2), (0, 3)], 1, 6)
    scores = np.array([[9, 1, 0.5, 8, 7, 0]], np.float32)
    evaluator = RankingEvaluator(train, relevant, ks=(3, 10))
    table = tiny(metrics=("plain_recall@3", "recall@3"))
    model = MatrixRecommender(scores=scores, interactions=train)
    result = results.measure(table, evaluator, relevant.by_user().counts, model)
    assert result.summary["plain_recall@3"] == pytest.approx(2 / 4)
    assert result.summary["recall@3"] == pytest.approx(2 / 3)


def test_last_in_file_hides_the_last_rows_of_each_user_but_never_all():
    data = rows([(0, 1), (1, 1), (0, 2), (0, 3), (1, 4), (2, 0)], 3, 5)
    assert last_in_file(2)(data).tolist() == [False, False, True, True, True, False]


def test_random_share_hides_the_share_of_the_chosen_users():
    data = rows([(u, i) for u in range(200) for i in range(10)], 200, 10)
    hidden = random_fraction(0.3, users=0.5)(data)
    per_user = np.bincount(data.user_index[hidden], minlength=200)
    assert set(per_user) == {0, 3}
    assert 70 < (per_user > 0).sum() < 130
    assert (random_fraction(0.3)(data)).sum() == 600


@pytest.mark.parametrize("name", list(TABLES))
def test_every_row_of_a_table_is_a_spec_and_its_ablation_a_row(name):
    table = TABLES[name]
    assert set(table.enters) <= set(MODELS)
    assert not set(table.left_out) & set(table.enters)
    for label in table.enters:
        ablation = MODELS[label].ablation
        assert ablation is None or ablation in table.enters
    assert {
        metric.split("@")[0] for figures in table.references.values() for metric in figures
    } <= {metric.split("@")[0] for metric in table.metrics}


@pytest.mark.parametrize("name", list(TABLES))
def test_choices_never_see_a_test_row(name, data_root):
    validation, final = TABLES[name].load(data_root)
    test = final.test.user_index.astype(np.int64) * final.train.num_items + final.test.item_index
    for part in (validation.train, validation.validation):
        keys = part.user_index.astype(np.int64) * part.num_items + part.item_index
        assert not np.isin(test, keys).any()
    assert not len(validation.test) and len(validation.validation)
    hidden = (len(final.train) - len(validation.train)) / len(validation.validation)
    # Nearly: every sixth user has about a sixth of the rows.
    assert hidden == pytest.approx(TABLES[name].refit * TABLES[name].choose_every, rel=0.03)
    if TABLES[name].choose_every == 1:
        assert hidden == TABLES[name].refit


def start_and_what_builds_on_it(tmp_path, monkeypatch, phase):
    """How often the start of APR was trained for APR, a control and a second seed."""
    trained = []

    def factorization(task):
        trained.append(task.seed)
        return original(task)

    original = trainers.factorization
    monkeypatch.setattr(trainers, "factorization", factorization)
    start = Choice({"learning_rate": 0.05, "batch_size": 64, "dim": 4}, 2)
    found = []
    for seed, direction in ((0, "gradient"), (0, "random"), (1, "gradient")):
        task = Task(
            train=WORLD.train,
            settings={
                "epsilon": 0.1,
                "weight": 1.0,
                "learning_rate": 0.01,
                "direction": direction,
            },
            epochs=1,
            evaluator=None,
            monitor="ndcg@3",
            patience=1,
            every=1,
            seed=seed,
            chosen={"MF-BPR": start},
            parts=Parts(tmp_path / phase),
        )
        found.append(trainers.apr(task))
    return trained, found


def test_a_start_is_trained_once_for_all_that_build_on_it(tmp_path, monkeypatch):
    # Each task has `Parts` of its own, as each process has: they share the folder alone.
    trained, first = start_and_what_builds_on_it(tmp_path, monkeypatch, "final")
    assert trained == [0, 1]
    again, second = start_and_what_builds_on_it(tmp_path, monkeypatch, "other folder")
    assert again[-2:] == [0, 1]
    np.testing.assert_array_equal(first[1].model.item_vectors(), second[1].model.item_vectors())
    assert not np.allclose(first[0].model.item_vectors(), first[2].model.item_vectors())


def test_a_part_comes_back_from_its_folder_with_its_seconds(tmp_path):
    weights = [np.arange(6.0).reshape(2, 3), np.float32([1])]
    Parts(tmp_path).put("MF-BPR, seed 0", weights, 2.5)
    found, seconds = Parts(tmp_path).get("MF-BPR, seed 0", lambda: 1 / 0)
    assert seconds == 2.5 and found[1].dtype == np.float32
    for one, other in zip(found, weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert Parts(tmp_path).get("MF-BPR, seed 1", lambda: (weights, 7.0))[1] == 7.0
    with pytest.raises(ZeroDivisionError):
        Parts().get("MF-BPR, seed 0", lambda: 1 / 0)


def test_the_page_shows_every_row_reference_and_what_is_missing(world, tmp_path):
    report = reproduce(tmp_path, budget=1, only=["popularity", "EASE", "shift", "shifted"])
    report["left_out"] = {"big": "too big"}
    shown_page = page.markdown(report, "python x", "settings.json")
    for text in ("| popularity |", "| shifted |", "*others*", "big has no row: too big", "(shift)"):
        assert text in shown_page
    shown = report["rows"]["shift"]["mean"]["ndcg@3"]
    assert f"{shown:.4f}" in shown_page
    report["rows"]["shift"]["paired"]["EASE"]["ndcg@3"]["p_value"] = 0.0421
    report["rows"]["shifted"]["paired"]["EASE"]["ndcg@3"]["p_value"] = 0.0004
    shown_page = page.markdown(report, "python x", "settings.json")
    assert ", p .042 |" in shown_page and ", p < .001 |" in shown_page
    (where,) = report["machines"]
    assert where["cores"] >= 1 and f"tensorflow {where['tensorflow']}" in shown_page


def test_a_folder_in_which_a_run_is_going_on_is_refused(world, tmp_path):
    pytest.importorskip("fcntl")
    with sole_run(tmp_path / "run"), pytest.raises(ValueError, match="one run at a time"):
        reproduce(tmp_path, budget=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"only": ["no"]}, "`only` should hold labels of tiny"), ({}, "`table` should be one of")],
)
def test_unknown_names_are_refused(world, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        if change:
            reproduce(tmp_path, budget=1, **change)
        else:
            runner.run("none", run_dir=tmp_path, settings_file=tmp_path / "s.json")


def test_choices_survive_their_file(tmp_path):
    path = tmp_path / "deep" / "settings.json"
    chosen = {
        "MF-BPR": Choice({"l2": 0.01, "dim": 64}, 12, 0.25, 8),
        "EASE": Choice({"l2": 3.0}, 1),
    }
    files.write_choices(path, chosen)
    assert files.read_choices(path) == chosen
    assert files.read_choices(tmp_path / "absent.json") == {}


def test_a_row_that_fails_costs_itself_and_what_builds_on_it_alone(world, tmp_path, monkeypatch):
    broken = dataclasses.replace(MODELS["shift"], train=lambda task: 1 / 0)
    monkeypatch.setitem(MODELS, "shift", broken)
    lines = []
    report = reproduce(tmp_path, budget=1, say=lines.append)
    assert list(report["rows"]) == ["popularity", "EASE"]
    assert report["failed"]["shift"].startswith("ZeroDivisionError")
    assert report["failed"]["shifted"] == "builds on shift"
    assert any("shift FAILED" in line for line in lines)


def test_a_process_that_fails_costs_its_row_alone(tmp_path):
    path = tmp_path / "settings.json"
    chosen = {"popularity": Choice({}, 1), "EASE": Choice({"l2": 300.0}, 1)}
    pending = {label: set() for label in chosen}
    done = []

    def call(label):
        # One process meets an unknown table, the other a folder that is not there.
        work = runner.Work(
            table="none" if label == "EASE" else "irgan-ml100k",
            label=label,
            kind="final",
            run_dir=str(path),
            data_root=str(tmp_path / "absent"),
            chosen=chosen,
        )
        return functools.partial(runner.do, work)

    failed = in_order(pending, call, lambda label, _: done.append(label), 2)
    assert not done and set(failed) == {"popularity", "EASE"}
    assert failed["EASE"].startswith("KeyError") and "absent" in failed["popularity"]


@pytest.mark.parametrize("text", ["{}", "not json", '{"choices": {"EASE": {"epochs": 1}}}'])
def test_a_settings_file_of_another_kind_is_named(tmp_path, text):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="settings.json should hold the choices of a search"):
        files.read_choices(path)


def earlier_report(tmp_path, **settings):
    """Of a whole search, as a file; the next run starts in a new folder."""
    report = reproduce(tmp_path, budget=3, **settings)
    (tmp_path / "tiny.json").write_text(json.dumps(report))
    (tmp_path / "run").rename(tmp_path / "first")
    return report


def test_rows_of_an_earlier_report_are_kept_and_only_those_asked_for_are_trained(world, tmp_path):
    before = earlier_report(tmp_path)
    trained = []
    report = reproduce(
        tmp_path, only=["shift"], onto=tmp_path / "tiny.json", seeds=2, say=trained.append
    )
    assert list(report["rows"]) == list(before["rows"])
    assert report["rows"]["shift"]["seeds"] == 2 and before["rows"]["shift"]["seeds"] == 3
    assert report["kept"] == ["popularity", "EASE", "shifted"] and not report["not_run"]
    assert report["rows"]["shifted"] == before["rows"]["shifted"]
    text = page.markdown(report, "a command", "a file")
    assert "kept, with the comparisons measured then: popularity; EASE; shifted." in text


def test_a_row_trained_again_without_its_ablation_is_named(world, tmp_path):
    before = earlier_report(tmp_path)
    assert before["unpaired"] == []
    report = reproduce(tmp_path, only=["shifted"], onto=tmp_path / "tiny.json")
    assert report["unpaired"] == ["shifted"] and "shift" in report["kept"]
    text = page.markdown(report, "a command", "a file")
    assert "which was not trained in the same run: shifted." in text
    assert "same run: " not in page.markdown(before, "a command", "a file")


def test_a_row_whose_ablation_has_other_settings_now_is_not_kept(world, tmp_path):
    earlier_report(tmp_path)
    path = tmp_path / "settings.json"
    chosen = files.read_choices(path)
    other = dataclasses.replace(chosen["shift"], settings={"size": 1, "b": 7})
    files.write_choices(path, {**chosen, "shift": other})
    lines = []
    report = reproduce(tmp_path, only=["popularity"], onto=tmp_path / "tiny.json", say=lines.append)
    assert list(report["rows"]) == ["popularity", "EASE"]
    assert report["outdated"] == report["not_run"] == ["shift", "shifted"]
    assert any("shifted: the row of" in line for line in lines)


@pytest.mark.parametrize("text", ["[]", "{", '{"table": "other", "rows": {"EASE": {}}}'])
def test_a_report_of_another_table_is_named_before_any_work(world, tmp_path, text):
    path = tmp_path / "tiny.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="should be a report of tiny with rows"):
        reproduce(tmp_path, budget=1, onto=path)
    assert not (tmp_path / "run").exists()


def tiny_choices():
    """Every model's default point, shrunk to the tiny world."""
    small = {"batch_size": 16, "dim": 4, "hidden": 4, "candidates": 4, "first": 1, "count": 4}
    found = {}
    for label, spec in MODELS.items():
        of = MODELS[spec.like] if spec.like else spec
        settings = {**of.default(), **spec.override}
        settings |= {name: value for name, value in small.items() if name in settings}
        found[label] = Choice({**settings, **({"warm_up": 1} if "warm_up" in settings else {})}, 2)
    return found


def trained(label, **changes):
    chosen = tiny_choices()
    task = Task(
        train=WORLD.train,
        settings={**chosen[label].settings, **changes},
        epochs=2,
        evaluator=None,
        monitor="ndcg@3",
        patience=1,
        every=1,
        seed=0,
        chosen=chosen,
    )
    return MODELS[label].train(task)


def test_irgan_starts_from_the_scorer_that_dns_trained():
    start = trained("DNS start of IRGAN").model
    # The ablation at rate zero goes nowhere from there.
    gan = trained("IRGAN's ablation", g_learning_rate=0.0, decay=0.0).model
    np.testing.assert_allclose(gan.user_vectors(), start.user_vectors(), rtol=1e-6)


def test_the_lower_temperature_is_the_one_that_hard_weights_amount_to():
    hard, control = "softmax MF, hard weights", "softmax MF, lower temperature"
    hardness = MODELS[hard].override["hardness"]
    assert MODELS[control].override == {"cooling": 1 + hardness}
    assert trained(control).model.temperature == pytest.approx(
        trained("softmax MF").model.temperature / (1 + hardness)
    )


def test_sizes_for_long_profiles_reach_cfgan():
    plain = trained("CFGAN").model
    assert (plain.zeroed_negatives, plain.critic_batch, plain.generator_batch) == (1.0, 64, 32)
    sized = trained("CFGAN", zeroed=0.3, critic_batch=8, generator_batch=4).model
    assert (sized.zeroed_negatives, sized.critic_batch, sized.generator_batch) == (0.3, 8, 4)


@pytest.mark.slow
@pytest.mark.parametrize("label", MODELS)
def test_every_spec_trains(label):
    model = trained(label).model
    scores = np.asarray(model.score(np.arange(5, dtype=np.int32)))
    assert scores.shape == (5, 12) and np.isfinite(scores).all()
