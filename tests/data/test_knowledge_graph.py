import gzip

import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.knowledge_files import read_item_entities, read_triples
from advrec_tf.data.vocabulary import Vocabulary

TRIPLES = [("i1", "has_genre", "drama"), ("i0", "has_genre", "crime"), ("i1", "made_by", "ann")]


def test_triples_become_indices_in_order_of_appearance():
    graph = KnowledgeGraph.from_triples(TRIPLES, items=Vocabulary(["i0", "i1", "i2"]))
    # entities: i1, drama, i0, crime, ann
    assert list(graph.entities.ids) == ["i1", "drama", "i0", "crime", "ann"]
    assert graph.heads.tolist() == [0, 2, 0]
    assert graph.relations.tolist() == [0, 0, 1]
    assert graph.tails.tolist() == [1, 3, 4]
    assert graph.item_entity.tolist() == [2, 0, -1]
    assert (len(graph), graph.num_entities, graph.num_relations, graph.num_items) == (3, 5, 2, 3)


def test_items_may_go_by_another_name_in_the_graph():
    graph = KnowledgeGraph.from_triples(
        TRIPLES, items=Vocabulary([7, 8, 9]), entity_of={8: "i0", 9: "absent"}
    )
    assert graph.item_entity.tolist() == [-1, 2, -1]


def test_a_graph_without_triples_knows_no_item():
    graph = KnowledgeGraph.from_triples([], items=Vocabulary(["i0", "i1"]))
    assert len(graph) == 0
    assert graph.item_entity.tolist() == [-1, -1]


def test_a_triple_of_two_parts_is_refused():
    with pytest.raises(ValueError, match="`triples`"):
        KnowledgeGraph.from_triples([("i0", "drama")], items=Vocabulary(["i0"]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("heads", [0, 3]),
        ("relations", [0, -1]),
        ("relations", [0]),
        ("tails", [1, 3]),
        ("item_entity", [-2]),
        ("item_entity", [1, 1]),
    ],
)
def test_a_bad_column_is_refused_by_name(name, value):
    columns = {"heads": [0, 1], "relations": [0, 0], "tails": [1, 2], "item_entity": [0, -1]}
    columns[name] = value
    with pytest.raises(ValueError, match=f"`{name}`"):
        KnowledgeGraph(
            **{key: np.array(column, np.int32) for key, column in columns.items()},
            entities=Vocabulary(["a", "b", "c"]),
            relation_names=Vocabulary(["r"]),
        )


# Files.


@pytest.mark.parametrize("separator", ["\t", " "])
def test_a_file_of_triples_and_one_of_items_become_a_graph(tmp_path, separator):
    facts = [("10", "by", "30"), ("20", "by", "30"), ("10", "in", "40")]
    with gzip.open(tmp_path / "kg.txt.gz", "wt") as file:
        file.write("\n\n".join(separator.join(fact) for fact in facts) + "\r\n")
    (tmp_path / "items.txt").write_text("7\t10\r\n9\t20\r\n8\t30\n")
    assert read_triples(tmp_path / "kg.txt.gz") == facts
    assert read_item_entities(tmp_path / "items.txt") == {7: "10", 9: "20", 8: "30"}
    graph = KnowledgeGraph.from_files(
        tmp_path / "kg.txt.gz",
        items=Vocabulary([9, 6, 7]),
        item_entities=tmp_path / "items.txt",
    )
    assert list(graph.entities.ids) == ["10", "30", "20", "40"]
    assert (graph.heads.tolist(), graph.tails.tolist()) == ([0, 2, 0], [1, 1, 3])
    assert graph.item_entity.tolist() == [2, -1, 0]
    by_name = KnowledgeGraph.from_files(tmp_path / "kg.txt.gz", items=Vocabulary([20, 5, 10]))
    assert by_name.item_entity.tolist() == [2, -1, 0]


def test_names_may_hold_blanks_where_tabs_split_and_items_may_be_text(tmp_path):
    (tmp_path / "kg.tsv").write_text("Blade Runner\tdirected by\tRidley Scott\n")
    assert read_triples(tmp_path / "kg.tsv") == [("Blade Runner", "directed by", "Ridley Scott")]
    (tmp_path / "items.txt").write_text("007 a\n8 b\n")
    assert read_item_entities(tmp_path / "items.txt") == {"007": "a", "8": "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a r b\na r\n", r"kg.txt, line 2: expected `head relation tail`. Received 2 fields"),
        ("\na r b c\n", r"kg.txt, line 2: .* Received 4 fields: \['a', 'r', 'b', 'c'\]"),
        ("a\t\tb\n", r"kg.txt, line 1: .* Received 3 fields: \['a', '', 'b'\]"),
        ("\n \n", r"kg.txt: expected lines `head relation tail`. Received none"),
    ],
)
def test_a_broken_file_of_triples_is_refused_by_name_and_line(tmp_path, text, message):
    (tmp_path / "kg.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_triples(tmp_path / "kg.txt")


def test_an_item_with_two_lines_or_a_missing_file_is_refused(tmp_path):
    (tmp_path / "items.txt").write_text("1 a\n2 b\n1 c\n")
    with pytest.raises(DataError, match=r"items.txt, line 3: .* Received item '1' again"):
        read_item_entities(tmp_path / "items.txt")
    with pytest.raises(FileNotFoundError, match="`path`"):
        read_triples(tmp_path / "absent.txt")


@pytest.mark.parametrize(
    ("folder", "counts"),
    # triples, entities, relations, items: the numbers of lines and distinct fields
    [("lastfm-mkr", (15518, 9366, 60, 3846)), ("ml-1m/kg-mkr", (20782, None, 7, 2347))],
)
def test_the_published_graphs_are_read_whole(data_root, folder, counts):
    links = data_root / folder / "item_index2entity_id.txt"
    items = Vocabulary(list(read_item_entities(links)))
    graph = KnowledgeGraph.from_files(
        data_root / folder / "kg.txt.gz", items=items, item_entities=links
    )
    triples, entities, relations, linked = counts
    assert (len(graph), graph.num_relations) == (triples, relations)
    assert entities in (None, graph.num_entities)
    assert (graph.item_entity >= 0).sum() == linked


# Attributes.

FILMS = pd.DataFrame(
    {
        "id": [5, 4, 99],
        "genre": ["Crime| Drama|Crime", None, "Drama"],
        "director": ["ann", "", "bob"],
        "actor": [["bob", "ann"], ["NULL", "cy"], "bob"],
        "year": [1994.0, np.nan, 2000.5],
    }
)


def facts(graph):
    entities, names = graph.entities.ids, graph.relation_names.ids
    return [
        (entities[h], names[r], entities[t])
        for h, r, t in zip(graph.heads, graph.relations, graph.tails, strict=True)
    ]


def test_attributes_become_facts_about_their_items():
    graph = KnowledgeGraph.from_attributes(
        FILMS,
        items=Vocabulary([4, 5, 6]),
        item_column="id",
        separator="|",
        kinds={"director": "person", "actor": "person"},
    )
    assert facts(graph) == [
        ("item:5", "genre", "genre:Crime"),
        ("item:5", "genre", "genre:Drama"),
        ("item:5", "director", "person:ann"),
        ("item:5", "actor", "person:bob"),
        ("item:5", "actor", "person:ann"),
        ("item:4", "actor", "person:cy"),
        ("item:5", "year", "year:1994"),
    ]
    assert [graph.entities.ids[e] for e in graph.item_entity[:2]] == ["item:4", "item:5"]
    assert graph.item_entity[2] == -1


def test_without_an_item_column_row_i_is_item_i():
    graph = KnowledgeGraph.from_attributes(
        FILMS, items=Vocabulary(["a", "b", "c"]), columns=["director", "genre"]
    )
    assert facts(graph) == [
        ("item:a", "director", "director:ann"),
        ("item:c", "director", "director:bob"),
        ("item:a", "genre", "genre:Crime| Drama|Crime"),
        ("item:c", "genre", "genre:Drama"),
    ]


@pytest.mark.parametrize(
    ("message", "settings"),
    [
        ("`separator`", {"separator": ""}),
        ("`item_column` should name.*'film'", {"item_column": "film"}),
        ("`columns` should name.*'plot'", {"columns": ["genre", "plot"]}),
        ("`kinds` should name.*'plot'", {"kinds": {"plot": "text"}}),
        ("`attributes` should have 2 rows. Received 3", {}),
        ("one row an item. Received item 4 twice", {"item_column": "twice"}),
    ],
)
def test_a_table_that_does_not_fit_is_refused(message, settings):
    with pytest.raises(ValueError, match=message):
        KnowledgeGraph.from_attributes(
            FILMS.assign(twice=[4, 5, 4]), items=Vocabulary([4, 5]), **settings
        )


# Parts of a graph.


def numbered(count):
    """Fact i of `count` is (e_i, r, e_i+1)."""
    return KnowledgeGraph.from_triples(
        [(f"e{i}", "r", f"e{i + 1}") for i in range(count)], items=Vocabulary(["e0"])
    )


def test_held_out_facts_are_a_share_drawn_by_the_seed():
    graph = numbered(20)
    rest, held = graph.hold_out(0.25, seed=3)
    assert (len(rest), len(held)) == (15, 5)
    assert sorted([*rest.heads, *held.heads]) == list(range(20))
    assert rest.heads.tolist() == sorted(rest.heads)
    np.testing.assert_array_equal(held.tails, held.heads + 1)
    assert held.num_entities == rest.num_entities == 21
    assert held.heads.tolist() == graph.hold_out(0.25, seed=3)[1].heads.tolist()
    assert held.heads.tolist() != graph.hold_out(0.25, seed=4)[1].heads.tolist()


def test_a_repeated_fact_is_held_out_with_all_its_occurrences():
    graph = numbered(4).select(np.array([3, 0, 2, 1, 0, 1, 3, 2]))
    rest, held = graph.hold_out(0.5, seed=0)
    assert len(rest) == len(held) == 4
    assert not set(rest.heads) & set(held.heads)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 0.01, float("nan")])
def test_a_share_that_leaves_a_side_empty_is_refused(fraction):
    with pytest.raises(ValueError, match="`fraction`"):
        numbered(4).hold_out(fraction, seed=0)


def test_items_first_keeps_every_fact_and_makes_an_entity_of_every_item():
    graph = KnowledgeGraph.from_triples(TRIPLES, items=Vocabulary(["i0", "i2", "i1"]))
    first = graph.with_items_first()
    assert list(first.entities.ids) == ["i0", "(no entity) 1", "i1", "drama", "crime", "ann"]
    assert first.item_entity.tolist() == [0, 1, 2]
    assert facts(first) == facts(graph) == TRIPLES
