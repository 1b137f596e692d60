"""Why this item for this user? Facts about a recommendation, and a sentence made of them.

Three kinds of facts: the items of the history that are nearest in the tower's space, a path
in the knowledge graph, and which words of the item's text raise its score (integrated
gradients). A sentence is a template over the facts; a causal language model may put it
differently, and is not believed where it says a name or number that is not among them.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.models.content_two_tower import ContentTwoTower

Write = Callable[[str], str]


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
        neighbours: (title, cosine of the item vectors) of items of the history, best first.
        path: from an item of the history to the item; empty where there is none.
        words: (word, contribution to the score), largest first; empty without an encoder.
    """

    user_id: object
    item_id: object
    item: str
    score: float
    neighbours: tuple[tuple[str, float], ...]
    path: tuple[Step, ...] = ()
    words: tuple[tuple[str, float], ...] = ()

    def facts(self) -> list[str]:
        """The explanation as plain sentences, each one fact."""
        found = []
        if self.neighbours:
            titles = [title for title, _ in self.neighbours]
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
    neighbours: int = 3,
    max_steps: int = 4,
) -> Explanation:
    """The facts behind `item_id` for `user_id`.

    Args:
        graph: whose items are those of the model, for a path of at most `max_steps` facts.
        attribute: (user index, item index) -> words with their contributions, such as
            `TokenAttribution`.
        neighbours: so many items of the history at most.

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
    order = np.argsort(-cosines, kind="stable")[:neighbours]
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
        neighbours=tuple((_title(data, history[i]), float(cosines[i])) for i in order),
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


def phrase(explanation: Explanation, write: Write | None = None) -> str:
    """One text of the facts.

    `write` may be a causal language model, prompt -> continuation. Its text is taken only where
    every capitalised word and every number in it is among the facts; else the template stands.
    """
    facts = " ".join(explanation.facts())
    if write is None:
        return facts
    prompt = f"Say in one sentence, using only these facts, why it is recommended. {facts}\n"
    written = write(prompt).strip().split("\n")[0]
    return written if written and not unsupported(written, facts) else facts


def unsupported(text: str, facts: str) -> list[str]:
    """Names and numbers of `text` that `facts` does not hold.

    A word that begins the text, or follows a full stop, may be capitalised without being a
    name; it counts only where it is not also a word of ordinary beginnings.
    """
    known = set(re.findall(r"\w+", facts.lower()))
    found = []
    for match in re.finditer(r"\w+", text):
        word = match.group()
        if not (word[0].isupper() or word[0].isdigit()) or word.lower() in known:
            continue
        begins = not text[: match.start()].strip() or text[: match.start()].rstrip()[-1] in ".!?"
        if begins and word.lower() in _BEGINNINGS:
            continue
        found.append(word)
    return found


_BEGINNINGS = frozenset(
    "a an and as because both he her here i if in it its like of on one she since so that the "
    "their there these they this those we what when which who with you your".split()
)


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
