"""Explanations of a recommendation: its facts, and a sentence made of them.

There are three kinds of facts: the items of the history that are nearest in the tower's space, a
path in the knowledge graph, and which words of the item's text raise its score (integrated
gradients, `text.attribution`). The sentence is a template over the facts; a causal language model
may phrase it (`text.constrained_decoding`), and its sentence is refused where it has a word that is
not among them.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Callable, Collection, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.models.content.two_tower import ContentTwoTower

Generate = Callable[[str, Collection[str]], str]
"""(prompt, allowed words) -> the text that follows the prompt."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One fact of a path, as the graph has it: (head, relation, tail)."""

    head: str
    relation: str
    tail: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """The facts behind one recommendation.

    Attributes:
        user_id, item_id: external ids.
        item: title of the item, or its id.
        score: of the model.
        neighbors: (title, cosine of the item vectors) of items of the history, best first.
        path: from an item of the history to the item; empty where there is none.
        words: (word, contribution to the score), largest first; empty without an encoder.
    """

    user_id: object
    item_id: object
    item: str
    score: float
    neighbors: tuple[tuple[str, float], ...]
    path: tuple[Step, ...] = ()
    words: tuple[tuple[str, float], ...] = ()

    def facts(self) -> list[str]:
        """The explanation as plain sentences, each one fact."""
        found = []
        if self.neighbors:
            titles = [title for title, _ in self.neighbors]
            found.append(f"{self.item} is close to {_joined(titles)} in your history.")
        if self.path:
            steps = [f"{step.head} - {step.relation} - {step.tail}" for step in self.path]
            found.append(f"They are connected: {'; '.join(steps)}.")
        words = [word for word, value in self.words if value > 0][:3]
        if words:
            found.append(f"What its description says of {_joined(words)} speaks for it.")
        return found or [f"{self.item} has the score {self.score:.2f} for you."]


def explain(
    model: ContentTwoTower,
    user_id,
    item_id,
    *,
    graph: KnowledgeGraph | None = None,
    attribute: Callable[[int, int], Sequence[tuple[str, float]]] | None = None,
    neighbors: int = 3,
    max_steps: int = 4,
) -> Explanation:
    """The facts behind `item_id` for `user_id`.

    Args:
        graph: whose items are those of the model, for a path of at most `max_steps` facts.
        attribute: (user index, item index) -> words with their contributions, such as
            `TokenAttribution`.
        neighbors: so many items of the history at most.

    Raises:
        ValueError: if an id is unknown, or the graph is of other items.
    """
    data = model.interactions
    user = _index(data.users, user_id, "user_id")
    item = _index(data.items, item_id, "item_id")
    if graph is not None and graph.num_items != data.num_items:
        raise ValueError(
            f"`graph` should have the {data.num_items} items of the model. "
            f"Received: {graph.num_items}."
        )
    history = data.by_user()[user]
    history = history[history != item]
    vectors = model.item_vectors()
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    cosines = unit[history] @ unit[item]
    order = np.argsort(-cosines, kind="stable")[:neighbors]
    path = (
        ()
        if graph is None
        else shortest_path(graph, history[np.argsort(-cosines)], item, max_steps)
    )
    words = () if attribute is None else tuple(attribute(user, item))
    score = float(model.score(tf.constant([user], tf.int32))[0, item])
    return Explanation(
        user_id=user_id,
        item_id=item_id,
        item=_title(data, item),
        score=score,
        neighbors=tuple((_title(data, history[i]), float(cosines[i])) for i in order),
        path=tuple(
            Step(head=name(h), relation=relation, tail=name(t))
            for name in [_entity_names(graph, data)]
            for h, relation, t in path
        )
        if path
        else (),
        words=words,
    )


def shortest_path(
    graph: KnowledgeGraph, history: np.ndarray, item: int, max_steps: int = 4
) -> list[tuple[int, str, int]]:
    """Fewest facts, followed in either direction, from an item of the history to `item`.

    Of paths equally short, the one whose connecting entities have the fewest facts: a shared
    director says more than a shared language. [] where there is none within `max_steps`, or
    `item` has no entity.
    """
    goal = int(graph.item_entity[item])
    starts = {int(e) for e in graph.item_entity[np.asarray(history, int)] if e >= 0}
    if goal < 0 or not starts:
        return []
    facts = collections.defaultdict(list)
    for fact, (head, tail) in enumerate(zip(graph.heads.tolist(), graph.tails.tolist())):
        facts[head].append((tail, fact))
        facts[tail].append((head, fact))
    # Layer by layer from the item; the cheapest way back is kept for each entity.
    reached = {goal: (0, None, None)}  # entity -> (facts of the connecting ones, next, fact)
    layer = {goal: 0}
    for _ in range(max_steps):
        following: dict[int, int] = {}
        for entity, cost in layer.items():
            for other, fact in facts[entity]:
                if other in reached and other not in following:
                    continue
                price = cost + (0 if other in starts else len(facts[other]))
                if other not in following or price < following[other]:
                    following[other] = price
                    reached[other] = (price, entity, fact)
        ends = [(price, entity) for entity, price in following.items() if entity in starts]
        if ends:
            _, entity = min(ends)
            path = []
            while entity != goal:
                _, towards, fact = reached[entity]
                relation = str(graph.relation_names.ids[graph.relations[fact]])
                path.append((int(graph.heads[fact]), relation, int(graph.tails[fact])))
                entity = towards
            return path
        layer = following
    return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phrase:
    """An explanation in words.

    Attributes:
        text: what to show.
        by: "template" or "model".
        refused: why a model's text was not taken; "" where it was, or none was asked.
    """

    text: str
    by: str
    refused: str = ""


def phrase(explanation: Explanation, generate: Generate | None = None) -> Phrase:
    """One text of the facts.

    `generate` may be a causal language model, such as `ConstrainedDecoder`, which can generate
    the allowed words alone: those of the facts and `FUNCTION_WORDS`. Its first line is taken if it
    holds a word of the facts and no other word; else, or where it raises a ValueError (the facts
    are longer than it takes), the template is used and `refused` says why. Whether the sentence
    is true is not checked.
    """
    facts = " ".join(explanation.facts())
    if generate is None:
        return Phrase(text=facts, by="template")
    of_facts = dict.fromkeys(_WORD.findall(facts))
    prompt = f"Say in one sentence, using only these facts, why it is recommended. {facts}\n"
    try:
        lines = generate(prompt, [*of_facts, *sorted(FUNCTION_WORDS - {*of_facts})]).splitlines()
    except ValueError as error:
        return Phrase(text=facts, by="template", refused=str(error))
    sentence = lines[0].strip() if lines else ""
    if strange := unsupported(sentence, facts):
        refused = f"not among the facts: {', '.join(strange)}"
        return Phrase(text=facts, by="template", refused=refused)
    if not {word.lower() for word in _WORD.findall(sentence)} - FUNCTION_WORDS:
        return Phrase(text=facts, by="template", refused="it says nothing of the facts")
    return Phrase(text=sentence, by="model")


def unsupported(text: str, facts: str) -> list[str]:
    """Words of `text` that neither `facts` nor `FUNCTION_WORDS` hold, whatever their case."""
    known = FUNCTION_WORDS | {word.lower() for word in _WORD.findall(facts)}
    return [word for word in _WORD.findall(text) if word.lower() not in known]


_WORD = re.compile(r"\w+")
FUNCTION_WORDS = frozenset(
    "a also an and are as at because by for from has have in is it its like liked likes may of on "
    "recommended since so that the their these they this those to was were which who whose with "
    "you your".split()
)
"""What holds a sentence together and says nothing itself; no negation, number or comparison."""


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _index(vocabulary, value, name: str) -> int:
    index = int(vocabulary.index_of([value])[0])
    if index < 0:
        raise ValueError(f"`{name}` should be a known id. Received: {value!r}.")
    return index


def _title(data, item: int) -> str:
    title = "" if data.item_text is None else data.item_text[item]
    return title or str(data.items.ids[item])


def _entity_names(graph, data) -> Callable[[int], str]:
    if graph is None:
        return str
    items = {int(e): i for i, e in enumerate(graph.item_entity) if e >= 0}

    def name(entity: int) -> str:
        if entity in items:
            return _title(data, items[entity])
        return str(graph.entities.ids[entity]).split(":", 1)[-1]

    return name
