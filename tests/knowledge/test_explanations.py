import dataclasses

import numpy as np
import pytest
from tensorflow import keras

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.knowledge.explanations import (
    Explanation,
    Phrase,
    Step,
    explain,
    phrase,
    shortest_path,
    unsupported,
)
from advrec_tf.models.content.modalities import Modality
from advrec_tf.models.content.two_tower import content_two_tower

TITLES = np.array(["Alien", "Aliens", "Amélie", "Gravity"], object)
DATA = Interactions(
    user_index=np.array([0, 0, 1], np.int32),
    item_index=np.array([0, 2, 2], np.int32),
    users=Vocabulary(["ann", "bob"]),
    items=Vocabulary([10, 11, 12, 13]),
    item_text=TITLES,
)
FACTS = [
    ("item:10", "genre", "genre:space"),
    ("item:11", "genre", "genre:space"),
    ("item:13", "genre", "genre:space"),
    ("item:10", "director", "person:Scott"),
    ("item:12", "language", "language:French"),
    ("item:11", "actor", "person:Weaver"),
    ("item:10", "actor", "person:Weaver"),
]
GRAPH = KnowledgeGraph.from_triples(
    FACTS, items=DATA.items, entity_of={i: f"item:{i}" for i in DATA.items.ids}
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    # items 0 and 1 point the same way, item 2 another, item 3 between
    vectors = np.array([[1, 0], [1, 0.01], [0, 1], [1, 1]], np.float32)
    return content_two_tower(DATA, [Modality(name="text", vectors=vectors)], dim=4)


def names(path):
    return [
        (GRAPH.entities.ids[head], relation, GRAPH.entities.ids[tail])
        for head, relation, tail in path
    ]


def test_of_equally_short_paths_the_one_through_the_rarer_entity_is_taken():
    # both go through one entity; the genre has three facts, the actor two
    assert names(shortest_path(GRAPH, np.array([0, 2]), 1)) == [
        ("item:10", "actor", "person:Weaver"),
        ("item:11", "actor", "person:Weaver"),
    ]


def test_a_path_runs_from_the_history_to_the_item_and_ends_where_it_must():
    assert names(shortest_path(GRAPH, np.array([0]), 3))[0][0] == "item:10"
    assert names(shortest_path(GRAPH, np.array([0]), 3))[-1][0] == "item:13"
    assert shortest_path(GRAPH, np.array([2]), 3) == []  # French leads nowhere else
    assert shortest_path(GRAPH, np.array([0]), 3, max_steps=1) == []


def test_neighbors_are_the_nearest_of_the_history_by_cosine(model):
    found = explain(model, "ann", 11, graph=GRAPH, neighbors=1)
    assert [title for title, _ in found.neighbors] == ["Alien"]
    assert found.neighbors[0][1] == pytest.approx(1.0, abs=1e-3)
    assert found.path == (
        Step(head="Alien", relation="actor", tail="Weaver"),
        Step(head="Aliens", relation="actor", tail="Weaver"),
    )
    assert found.score == pytest.approx(float(model.score(np.array([0]))[0, 1]))


def test_the_item_itself_is_no_neighbor(model):
    found = explain(model, "ann", 10)
    assert [title for title, _ in found.neighbors] == ["Amélie"]


EXPLAINED = Explanation(
    user_id="ann",
    item_id=11,
    item="Aliens",
    score=1.5,
    neighbors=(("Alien", 0.9), ("Gravity", 0.5)),
    path=(Step(head="Alien", relation="actor", tail="Weaver"),),
    words=(("space", 0.3), ("the", -0.1)),
)


def test_the_template_says_the_facts_and_no_word_that_speaks_against():
    assert EXPLAINED.facts() == [
        "Aliens is close to Alien and Gravity in your history.",
        "They are connected: Alien - actor - Weaver.",
        "What its description says of space speaks for it.",
    ]
    bare = dataclasses.replace(EXPLAINED, neighbors=(), path=(), words=())
    assert phrase(bare) == Phrase(text="Aliens has the score 1.50 for you.", by="template")


def test_a_model_s_sentence_is_taken_only_where_it_has_words_of_the_facts_alone():
    true = "Because you liked Alien, you may like Aliens with Weaver."
    assert phrase(EXPLAINED, lambda prompt, words: true) == Phrase(text=true, by="model")
    template = " ".join(EXPLAINED.facts())
    for invented, why in (
        ("You liked Alien by Cameron.", "not among the facts: Cameron"),
        ("Aliens won 7 prizes.", "not among the facts: won, 7, prizes"),
        ("You have not liked Alien.", "not among the facts: not"),  # none turns a fact around
        ("It is for you.", "it says nothing of the facts"),
        ("", "it says nothing of the facts"),
    ):
        found = phrase(EXPLAINED, lambda prompt, words, text=invented: text)
        assert found == Phrase(text=template, by="template", refused=why)
    assert unsupported("alien by Cameron, 1986.", "Alien") == ["Cameron", "1986"]


def test_the_model_is_given_every_fact_and_the_words_it_may_use():
    asked = []
    phrase(EXPLAINED, lambda prompt, words: asked.append((prompt, words)) or "")
    prompt, words = asked[0]
    assert all(fact in prompt for fact in EXPLAINED.facts())
    assert {"Aliens", "Weaver", "space", "because"} <= set(words) and "not" not in words
    assert len(words) == len(set(words))


def test_a_model_that_cannot_take_the_facts_leaves_the_template_with_the_reason():
    def too_long(prompt, words):
        raise ValueError("`prompt` should have at most 5 tokens. Received: 60.")

    found = phrase(EXPLAINED, too_long)
    assert found.by == "template" and found.refused.startswith("`prompt` should have at most 5")


def test_unknown_ids_and_foreign_graphs_are_refused(model):
    with pytest.raises(ValueError, match="`user_id` should be a known id. Received: 'eve'"):
        explain(model, "eve", 11)
    with pytest.raises(ValueError, match="`item_id` should be a known id. Received: 99"):
        explain(model, "ann", 99)
    other = KnowledgeGraph.from_triples(FACTS, items=Vocabulary([10]))
    with pytest.raises(ValueError, match="`graph` should have the 4 items"):
        explain(model, "ann", 11, graph=other)
