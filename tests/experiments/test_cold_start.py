import dataclasses
import json

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.models.base import CandidateSubset, MatrixRecommender
from advrec_tf.models.content.modalities import Modality
from advrec_tf.pipelines.stages import StageStore
from advrec_tf.pipelines.text.fine_tuning import on_kept_vectors, on_texts
from advrec_tf.text.cache import encode_texts
from advrec_tf.text.robustness import TextRobustness
from experiments.cold_start import baselines, fine_tuning, models, page, runner
from experiments.cold_start import task as task_module
from experiments.cold_start.content import Content


@pytest.fixture(scope="module")
def content():
    """80 users and 60 items of two kinds; who is of a kind takes items of that kind."""
    rng = np.random.default_rng(0)
    kinds = np.arange(60) % 2
    pairs = [
        (user, item)
        for user in range(80)
        for item in rng.choice(np.flatnonzero(kinds == user % 2), 14, replace=False)
    ]
    users, items = np.array(pairs, np.int32).T
    data = Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(80)),
        items=Vocabulary(np.arange(60)),
    )
    vectors = np.eye(2, 6)[kinds] + 0.2 * rng.normal(size=[60, 6])
    graph = KnowledgeGraph.from_triples(
        [(str(i), "kind", f"kind {kinds[i]}") for i in range(60)],
        items=data.items,
        entity_of={i: str(i) for i in range(60)},
    )
    return Content(
        interactions=data,
        texts=np.array([f"text {i}" for i in range(60)], object),
        text=Modality(name="text", vectors=vectors),
        attributes=Modality(name="attributes", vectors=np.eye(2)[kinds]),
        user_attributes=Modality(name="user_attributes", vectors=np.eye(2)[np.arange(80) % 2]),
        graph=graph.with_items_first(),
        notes={"items": 60},
    )


def quiet(*_):
    pass


def test_cold_items_have_no_row_left_and_half_of_them_is_never_chosen_on(content):
    scenario = runner.make_scenario("items", content)
    _, asked = scenario.tests["cold items"]
    assert not scenario.train.item_counts()[asked].any()
    answers = np.zeros([80, 60], np.float32)
    answers[:, asked] = 1.0
    found = scenario.validation.evaluate(
        MatrixRecommender(scores=answers, interactions=scenario.train)
    )
    assert found.metrics["ndcg@10"] == 0.0


def test_ranking_among_the_cold_items_leaves_every_other_item_out(content):
    scenario = runner.make_scenario("items", content)
    evaluator, asked = scenario.tests["cold items"]
    scores = np.random.default_rng(0).random((80, 60), np.float32)
    model = CandidateSubset(
        model=MatrixRecommender(scores=scores, interactions=scenario.train),
        items=asked,
        interactions=scenario.train,
    )
    listed = evaluator.evaluate(model).top_items
    assert set(listed[listed >= 0]) <= set(asked.tolist())


def test_missing_texts_are_missing_for_exactly_the_items_that_are_asked_for(content):
    scenario = runner.make_scenario("missing", content)
    _, asked = scenario.tests["cold items"]
    assert not scenario.content.text.present[asked].any()
    assert scenario.content.text.present.sum() == 60 - scenario.notes["cold items without text"]
    assert content.text.present.all()  # what was given is as it was


def test_popularity_of_the_attributes_is_that_of_the_trained_items_by_hand(content):
    scenario = runner.make_scenario("items", content)
    task = task_module.Task(
        train=scenario.train, evaluator=scenario.validation, content=scenario.content, seed=0
    )
    counts, kinds = scenario.train.item_counts(), np.arange(60) % 2
    expected = [counts[(kinds == kind) & (counts > 0)].mean() for kind in (0, 1)]
    scores = baselines.popularity_of_attributes(task).model.scores
    np.testing.assert_allclose(scores[0], np.array(expected)[kinds], rtol=1e-5)


def test_every_row_of_every_scenario_has_its_ablation_in_the_same_scenario():
    for name, table in models.SCENARIOS.items():
        for label, row in table.items():
            assert row.ablation is None or row.ablation in table, (name, label)
            assert bool(row.points) == bool(row.setting), (name, label)


def run(content, folder, scenario, only, *, resume=False, seeds=2, write=quiet):
    store = StageStore(folder, {"job": "test"}, resume=resume)
    return runner.run_scenario(
        scenario, content, store, seeds=seeds, epochs=6, points=2, only=only, write=write
    )


def test_text_reaches_items_that_ids_cannot(content, tmp_path):
    report = run(content, tmp_path, "items", ["random", "id tower", "text tower"])
    values = {label: row["mean"]["cold items"]["ndcg@10"] for label, row in report["rows"].items()}
    assert values["id tower"] < values["random"] < values["text tower"] - 0.05
    assert report["rows"]["text tower"]["against_ablation"]["ablation"] == "id tower"


def test_a_resumed_run_trains_nothing_and_says_the_same(content, tmp_path):
    lines = []
    only = ["text tower", "text tower, text perturbed (FGSM)"]
    first = run(content, tmp_path, "items", only, seeds=1)
    second = run(content, tmp_path, "items", only, seeds=1, resume=True, write=lines.append)
    assert json.dumps(first) == json.dumps(second)
    assert not any("epoch" in line for line in lines)
    tried = first["rows"]["text tower, text perturbed (FGSM)"]["tried"]
    assert set(tried) == {"0.1", "0.3"}


@pytest.mark.parametrize(
    "scenario, only",
    [
        ("items", ["text tower against the GAN", "text tower against random vectors"]),
        (
            "missing",
            ["text tower, filled by the GAN", "text tower, filled by the attributes' mean"],
        ),
        ("users", ["history + user attributes tower", "id tower, rows by EASE"]),
        ("warm", ["text + id tower, histories"]),
    ],
)
def test_the_costlier_rows_run_and_the_page_shows_them(content, tmp_path, scenario, only):
    report = run(content, tmp_path, scenario, only, seeds=1)
    assert list(report["rows"]) == [label for label in models.SCENARIOS[scenario] if label in only]
    text = page.markdown([report], "made", "python -m experiments.cold_start", {"rows": 1})
    missing = [label for label in models.SCENARIOS[scenario] if label not in only]
    assert f"Not run: {'; '.join(missing)}." in text
    for label in only:
        value = report["rows"][label]["mean"]["all items"]["ndcg@10"]
        assert f"| {label} | 1 | {value:.4f} |" in text


def test_generated_rows_reach_users_who_have_lost_every_row(content, tmp_path):
    only = ["id tower", "id tower, rows by EASE", "id tower, rows by popularity"]
    report = run(content, tmp_path, "users", only, seeds=1)
    values = {label: row["mean"]["all items"]["cut to 0"] for label, row in report["rows"].items()}
    assert values["id tower"] == 0.0
    assert min(values["id tower, rows by EASE"], values["id tower, rows by popularity"]) > 0.05


def test_rows_that_the_data_cannot_feed_are_named_with_the_reason(content, tmp_path):
    bare = dataclasses.replace(content, graph=None, attributes=None)
    report = run(bare, tmp_path, "items", ["graph tower", "attributes tower", "popularity"])
    assert report["left_out"] == {
        "attributes tower": "the data has no attributes",
        "graph tower": "the data has no graph",
    }
    with pytest.raises(ValueError, match="`only` should name rows"):
        run(content, tmp_path / "other", "items", ["no such row"])


def test_fine_tuning_moves_what_its_strategy_names_and_only_that(content, make_text_tower):
    """A tiny language model; every adversary trains, and the first row is where all start."""

    def fresh_encoder(strategy, **head):
        words = ["odd", "even", *map(str, range(60))]
        return make_text_tower(words, blocks=2, max_length=6, strategy=strategy, **head)

    texts = np.array([f"{'even' if i % 2 == 0 else 'odd'} {i}" for i in range(60)], object)
    vectors = encode_texts(fresh_encoder("frozen"), texts.tolist(), progress=False)
    own = dataclasses.replace(
        content,
        texts=texts,
        text=Modality(name="text", vectors=vectors),
        fresh_encoder=fresh_encoder,
    )
    scenario = runner.make_scenario("finetuned", own)
    task = task_module.Task(
        train=scenario.train,
        evaluator=scenario.validation,
        content=own,
        seed=0,
        epochs=2,
        write=quiet,
    )
    start = fine_tuning.started(task).model
    before = fresh_encoder("frozen").language_model.named_weights()
    for strategy, adversary, moves in (
        ("frozen", "none", False),
        ("top:1", "fgm", True),
        ("top:1", "freelb", True),
    ):
        model = fine_tuning.fine_tuned(strategy, adversary, 0.1)(task).model
        after = model.item_tower.tower.language_model.named_weights()
        moved = {name for name, weight in after.items() if not np.array_equal(weight, before[name])}
        assert bool(moved) == moves
        assert all(name.startswith("transformer_layer_1/") for name in moved)
        assert np.abs(model.item_vectors() - start.item_vectors()).max() > 1e-5


def test_only_the_texts_that_are_tested_are_disturbed(content, monkeypatch, make_text_tower):
    texts = np.array([f"text {i}" for i in range(60)], object)
    own = dataclasses.replace(content, texts=texts)
    scenario = runner.make_scenario("finetuned", own)
    evaluator, asked = scenario.tests["cold items"]
    task = task_module.Task(train=scenario.train, evaluator=evaluator, content=own, seed=0)
    tower = make_text_tower(["text", *map(str, range(60))], dim=4)
    model = on_texts(
        on_kept_vectors(scenario.train, tower, np.ones([60, 8], np.float32)), tower, texts
    )
    given = {}

    def disturb(tower, texts, rank, evaluator, **settings):
        given.update(texts=texts, model=rank(np.zeros([len(texts), 4], np.float32)))
        return TextRobustness(metric="ndcg@10", clean={}, points=())

    monkeypatch.setattr(fine_tuning, "text_robustness", disturb)
    fine_tuning.robustness(task, model, evaluator, asked)
    assert given["texts"] == texts[asked].tolist()
    ranked = given["model"]
    assert (
        isinstance(ranked, CandidateSubset) and ranked.items is asked
    )  # no other item is in the way
    moved = ranked.model.item_vectors
    assert not moved[asked].any()
    others = np.setdiff1d(np.arange(60), asked)
    np.testing.assert_array_equal(moved[others], model.item_vectors()[others])
