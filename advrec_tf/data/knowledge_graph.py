"""`KnowledgeGraph`: facts about items as (head, relation, tail) triples of indices.

Holds the triples, their vocabularies and the link from item index to entity. A graph comes
from triples of ids, from files of them (`knowledge_files`), or from a table of item attributes;
scoring its triples belongs to the models.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.readers.columns import MISSING
from advrec_tf.data.readers.knowledge_files import read_item_entities, read_triples
from advrec_tf.data.vocabulary import Vocabulary


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
                raise ValueError(f"`{name}` should have {triples} entries. Received {len(index)}.")
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
        facts = list(triples)
        for fact in facts:
            if len(fact) != 3:
                raise ValueError(
                    f"`triples` should hold (head, relation, tail). Received {fact!r}."
                )
        entities = Vocabulary(list(dict.fromkeys(end for h, _, t in facts for end in (h, t))))
        names = Vocabulary(list(dict.fromkeys(relation for _, relation, _ in facts)))
        item_entity = np.full(len(items), -1, np.int32)
        if entity_of is None:
            item_entity = entities.index_of(items.ids)
        else:
            index = items.index_of(list(entity_of))
            found = entities.index_of([str(entity) for entity in entity_of.values()])
            item_entity[index[index >= 0]] = found[index >= 0]
        return cls(
            heads=entities.index_of([head for head, _, _ in facts]),
            relations=names.index_of([relation for _, relation, _ in facts]),
            tails=entities.index_of([tail for _, _, tail in facts]),
            entities=entities,
            relation_names=names,
            item_entity=item_entity,
        )

    @classmethod
    def from_files(
        cls,
        triples: str | os.PathLike,
        *,
        items: Vocabulary,
        item_entities: str | os.PathLike | None = None,
    ) -> KnowledgeGraph:
        """A file of `head relation tail` lines, and one of `item entity` lines.

        Without the second an item is the entity of the same id. Items without an entity, and
        lines of items outside `items`, are passed over; files as in `read_triples`.

        Raises:
            FileNotFoundError, DataError: as `read_triples` and `read_item_entities`.
            ValueError: if two items share an entity, or no item has one.
        """
        if item_entities is None:
            entity_of = {item: str(item) for item in items.ids}
        else:
            entity_of = read_item_entities(item_entities)
        graph = cls.from_triples(read_triples(triples), items=items, entity_of=entity_of)
        if (graph.item_entity < 0).all():
            linked = list(entity_of.items())[:3]
            raise ValueError(
                f"`triples` and `items` should have entities in common. Received {triples} with "
                f"entities such as {graph.entities.ids[:3].tolist()!r}, items such as "
                f"{items.ids[:3].tolist()!r}, and {item_entities or 'the same ids'} with links "
                f"such as {linked!r}."
            )
        return graph

    @classmethod
    def from_attributes(
        cls,
        attributes: pd.DataFrame,
        *,
        items: Vocabulary,
        item_column: str | None = None,
        columns: Sequence[str] | None = None,
        separator: str | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> KnowledgeGraph:
        """A table of items -> graph: each cell is a fact (item, column, value).

        The entities are "item:ID" and "KIND:VALUE". Equal values of different columns are
        different entities unless `kinds` gives the columns one kind, as for a person in
        "director" and in "actor". Blanks around a value, and missing values, are left out; a
        fact given twice counts once; a whole float is written as an integer.

        Args:
            attributes: a row an item; without `item_column` row i is item i of `items`, as
                in `Interactions.item_features`.
            items: the items' vocabulary.
            item_column: column of external item ids; rows of unknown items are passed over.
            columns: those to read, each a relation; by default all but `item_column`.
            separator: splits a cell of text into several values, as "|" does "Crime|Drama";
                a cell may also be a list.
            kinds: column -> kind of its values; by default the column's own name.

        Raises:
            ValueError: if a column is not in the table, an item has two rows, `separator` is
                empty, or there is no item column and the table does not have a row an item.
        """
        kinds = dict(kinds or {})
        if separator == "":
            raise ValueError("`separator` should have a character. Received: ''.")
        if columns is None:
            columns = [name for name in attributes.columns if name != item_column]
        for argument, names in (
            ("item_column", [] if item_column is None else [item_column]),
            ("columns", columns),
            ("kinds", kinds),
        ):
            unknown = [name for name in names if name not in attributes.columns]
            if unknown:
                raise ValueError(
                    f"`{argument}` should name columns of the table, {list(attributes.columns)}. "
                    f"Received: {unknown[0]!r}."
                )
        if item_column is None:
            if len(attributes) != len(items):
                raise ValueError(
                    f"`attributes` should have {len(items)} rows. Received {len(attributes)}."
                )
            item_index = np.arange(len(items))
        else:
            item_index = items.index_of(attributes[item_column].to_numpy())
            if (item_index < 0).all():
                given = attributes[item_column].tolist()[:3]
                raise ValueError(
                    f"`item_column` should hold ids such as {items.ids[:3].tolist()!r}. "
                    f"Received: {given!r}."
                )
            named = pd.Series(item_index[item_index >= 0])
            if named.duplicated().any():
                twice = items.ids[named[named.duplicated()].iloc[0]]
                raise ValueError(
                    f"`attributes` should have one row an item. Received item {twice} twice."
                )
        triples: dict = {}
        for column in columns:
            kind = kinds.get(column, column)
            for item, cell in zip(item_index, attributes[column], strict=True):
                if item >= 0:
                    for value in _values(cell, separator):
                        triples[f"item:{items.ids[item]}", column, f"{kind}:{value}"] = None
        entity_of = {item: f"item:{item}" for item in items.ids}
        return cls.from_triples(triples, items=items, entity_of=entity_of)

    def select(self, chosen: np.ndarray) -> KnowledgeGraph:
        """The given triples (indices or a mask), in the given order; vocabularies stay whole."""
        return dataclasses.replace(
            self,
            heads=self.heads[chosen],
            relations=self.relations[chosen],
            tails=self.tails[chosen],
        )

    def hold_out(self, fraction: float, *, seed: int) -> tuple[KnowledgeGraph, KnowledgeGraph]:
        """(the rest, round(share * distinct triples) of the triples), each in file order.

        A triple that occurs several times is on one side with all its occurrences.

        Raises:
            ValueError: if `fraction` is outside (0, 1), or leaves a side without triples.
        """
        if not 0 < fraction < 1:
            raise ValueError(f"`fraction` should lie in (0, 1). Received: {fraction!r}.")
        columns = np.stack([self.heads, self.relations, self.tails], 1)
        distinct, which = np.unique(columns, axis=0, return_inverse=True)
        count = round(fraction * len(distinct))
        if not 0 < count < len(distinct):
            raise ValueError(
                f"`fraction` should leave both sides triples. Received: {fraction!r} of "
                f"{len(distinct)} distinct triples."
            )
        held = np.zeros(len(distinct), bool)
        held[np.random.default_rng(seed).permutation(len(distinct))[:count]] = True
        held = held[which.reshape(-1)]
        return self.select(~held), self.select(held)

    def with_items_first(self) -> KnowledgeGraph:
        """The same facts with entity i being item i; the other entities follow in order.

        An item the graph does not know becomes an entity without facts, "(no entity) INDEX".
        """
        entity = self.item_entity
        is_item = np.zeros(self.num_entities, bool)
        is_item[entity[entity >= 0]] = True
        others = np.flatnonzero(~is_item)
        place = np.empty(self.num_entities, np.int32)
        place[others] = self.num_items + np.arange(len(others))
        place[entity[entity >= 0]] = np.flatnonzero(entity >= 0)
        names = [
            f"(no entity) {i}" if e < 0 else self.entities.ids[e] for i, e in enumerate(entity)
        ]
        return dataclasses.replace(
            self,
            heads=place[self.heads],
            tails=place[self.tails],
            entities=Vocabulary(names + list(self.entities.ids[others])),
            item_entity=np.arange(self.num_items, dtype=np.int32),
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


def _values(cell: object, separator: str | None) -> list[str]:
    """The values of a cell as text, those that mean "missing" left out."""
    if isinstance(cell, (list, tuple)):
        return [value for part in cell for value in _values(part, separator)]
    if isinstance(cell, str):
        values = [cell] if separator is None else cell.split(separator)
    elif pd.isna(cell):
        return []
    elif isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        values = [str(int(cell))]
    else:
        values = [str(cell)]
    return [value.strip() for value in values if value.strip() not in MISSING]
