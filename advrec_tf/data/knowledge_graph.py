"""`KnowledgeGraph`: facts about items as (head, relation, tail) triples of indices.

Holds the triples, their vocabularies and the link from item index to entity; reading a graph
from disk belongs to the readers, and scoring its triples to the models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from advrec_tf.data.interactions import Vocabulary


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class KnowledgeGraph:
    """Triples over entities and relations; some of the entities are items.

    Attributes:
        heads, tails: [triples] int32, into `entities`.
        relations: [triples] int32, into `relation_names`.
        entities, relation_names: the vocabularies.
        item_entity: [num_items] int32, the entity of each item; -1 if the graph has none.

    Raises:
        ValueError: if the columns differ in length, an index lies outside its vocabulary, or
            two items share an entity.
    """

    heads: np.ndarray
    relations: np.ndarray
    tails: np.ndarray
    entities: Vocabulary
    relation_names: Vocabulary
    item_entity: np.ndarray

    def __post_init__(self):
        triples = len(self.heads)
        for name, size, lowest in (
            ("heads", self.num_entities, 0),
            ("relations", self.num_relations, 0),
            ("tails", self.num_entities, 0),
            ("item_entity", self.num_entities, -1),
        ):
            index = getattr(self, name)
            if name != "item_entity" and len(index) != triples:
                raise ValueError(f"`{name}` should have {triples} rows. Received {len(index)}.")
            if len(index) and not (index.min() >= lowest and index.max() < size):
                raise ValueError(
                    f"`{name}` should lie in {lowest}..{size - 1}. "
                    f"Received {index.min()}..{index.max()}."
                )
        linked = self.item_entity[self.item_entity >= 0]
        if len(np.unique(linked)) < len(linked):
            raise ValueError("`item_entity` should give each entity to one item at most.")

    @classmethod
    def from_triples(
        cls,
        triples: Iterable[tuple[str, str, str]],
        *,
        items: Vocabulary,
        entity_of: Mapping[str, str] | None = None,
    ) -> KnowledgeGraph:
        """Triples of ids -> graph; entities and relations keep their order of appearance.

        Args:
            triples: (head, relation, tail), as the data names them.
            items: the items' vocabulary, of `Interactions`.
            entity_of: item id -> entity id. Without it an item is the entity of the same id.

        Raises:
            ValueError: if a triple does not have three parts.
        """
        rows = list(triples)
        for row in rows:
            if len(row) != 3:
                raise ValueError(f"`triples` should hold (head, relation, tail). Received {row!r}.")
        entities = Vocabulary(list(dict.fromkeys(end for h, _, t in rows for end in (h, t))))
        names = Vocabulary(list(dict.fromkeys(relation for _, relation, _ in rows)))
        item_entity = np.full(len(items), -1, np.int32)
        if entity_of is None:
            item_entity = entities.index_of(items.ids)
        else:
            linked = [i for i, item in enumerate(items.ids) if item in entity_of]
            item_entity[linked] = entities.index_of([entity_of[items.ids[i]] for i in linked])
        return cls(
            heads=entities.index_of([head for head, _, _ in rows]),
            relations=names.index_of([relation for _, relation, _ in rows]),
            tails=entities.index_of([tail for _, _, tail in rows]),
            entities=entities,
            relation_names=names,
            item_entity=item_entity,
        )

    def __len__(self) -> int:
        return len(self.heads)

    @property
    def num_entities(self) -> int:
        return len(self.entities)

    @property
    def num_relations(self) -> int:
        return len(self.relation_names)

    @property
    def num_items(self) -> int:
        return len(self.item_entity)
