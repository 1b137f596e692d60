"""Generated inputs for every reader: the right value, or an error in words, never silence.

The generator knows what it wrote, so a file that is read is compared with that; a file that was
damaged may also be refused, by `DataError` or another of the errors that readers announce.
"""

import gzip
import io
import json
import unicodedata

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.readers import columns, files, published_splits, shilling
from advrec_tf.data.readers.knowledge_files import read_item_entities, read_triples
from advrec_tf.data.readers.labeled_fraud import read_labels
from advrec_tf.data.readers.loading import load
from advrec_tf.data.readers.side_tables import read_attributes, read_texts
from advrec_tf.data.vocabulary import Vocabulary
from tests.data.readers.fuzzed import IDS, ODD, answers_or_refuses
from tests.data.readers.fuzzed_tables import check_behavior, check_features, check_movielens

# Interactions: what was written is what is read


class Written:
    """A table of interactions as the generator knows it, and as text."""

    def __init__(self, rng):
        self.rng = rng
        number = int(rng.integers(4, 40))
        kind = rng.choice(["integers", "text", "floats", "spaced", "composed"])
        self.users = self._ids(kind, number)
        self.items = self._ids(rng.choice(["integers", "text"]), number)
        self.ratings = rng.integers(1, 11, number) / 2
        self.times = rng.integers(10**9, 17 * 10**8, number)
        self.separator = str(rng.choice([",", "\t", ";", "|"]))
        self.line_end = str(rng.choice(["\n", "\r\n"]))
        self.encoding = str(rng.choice(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
        self.quoted = bool(rng.random() < 0.4)
        self.order = rng.permutation(4)

    def _ids(self, kind, number):
        """[(as it is written, as it is read), ...] with at least two distinct ids."""
        if kind == "integers":
            values = self.rng.integers(-5, 12, number)
            pairs = [(str(v), int(v)) for v in values]
        elif kind == "floats":
            values = self.rng.integers(0, 12, number)
            pairs = [(f"{v}.0" if self.rng.random() < 0.5 else str(v), int(v)) for v in values]
        else:
            values = self.rng.choice(IDS, number).tolist()
            pairs = [(v, v) for v in values]
            if kind == "spaced":
                pairs = [(f" {v} " if self.rng.random() < 0.3 else v, v) for v in values]
            if kind == "composed":
                pairs = [(unicodedata.normalize("NFD", v), v) for v in values]
        pairs[1] = ("99", 99) if kind in ("integers", "floats") else ("zz", "zz")
        return pairs

    def field(self, text):
        text = str(text)
        if self.quoted or self.separator in text or '"' in text:
            return '"' + text.replace('"', '""') + '"'
        return text

    def text(self):
        columns = [
            ["user_id", *(written for written, _ in self.users)],
            ["item_id", *(written for written, _ in self.items)],
            ["rating", *self.ratings],
            ["time", *self.times],
        ]
        lines = zip(*(columns[i] for i in self.order), strict=True)
        joined = (self.separator.join(map(self.field, line)) + self.line_end for line in lines)
        return "".join(joined)

    def expected(self):
        """(user, item, rating, time) as they should be read."""
        rows = zip(self.users, self.items, self.ratings, self.times, strict=True)
        return [(user[1], item[1], rating, time) for user, item, rating, time in rows]


def read(path, **settings):
    return load(path, rating_column="rating", time_column="time", **settings)


def rows_of(interactions):
    return list(
        zip(
            interactions.users.ids[interactions.user_index].tolist(),
            interactions.items.ids[interactions.item_index].tolist(),
            interactions.rating.tolist(),
            interactions.timestamp.tolist(),
            strict=True,
        )
    )


def check_interactions(tmp_path, seed):
    written = Written(np.random.default_rng([seed, 0]))
    content = written.text().encode(written.encoding)
    path = tmp_path / f"{seed}.csv"
    path.write_bytes(gzip.compress(content) if seed % 3 == 0 else content)
    loaded = read(path)
    assert rows_of(loaded.interactions) == written.expected()
    assert loaded.report.rows_read == loaded.report.rows_kept == len(written.users)
    if "utf-8" in written.encoding:  # the careful reader alone gives the same
        by_bytes = path.with_suffix(".txt")
        by_bytes.write_bytes(written.text().replace(written.line_end, "\n").encode() + b"\n")
        blank = read(by_bytes)
        assert blank.interactions.fingerprint() == loaded.interactions.fingerprint()
        assert blank.report.noticed["blank line"].number == 1


def check_frames(tmp_path, seed):
    rng = np.random.default_rng([seed, 1])
    written = Written(rng)
    frame = pd.DataFrame(
        {
            "user_id": [user for _, user in written.users],
            "item_id": [item for _, item in written.items],
            "rating": written.ratings,
            "time": written.times,
        }
    )
    path = tmp_path / f"{seed}.parquet"
    parquet.write_table(pa.Table.from_pandas(frame), path)
    for source in (frame, pa.Table.from_pandas(frame), path):
        assert rows_of(read(source).interactions) == written.expected()
    content = bytearray(path.read_bytes())
    for _ in range(int(rng.integers(1, 4))):
        content[rng.integers(len(content))] = rng.integers(256)
    path.write_bytes(bytes(content[: rng.integers(1, len(content) + 1)]))
    answers_or_refuses(lambda: read(path))


def check_damaged(tmp_path, seed):
    """One change of the text: an answer accounts for every line, or it is an announced error."""
    rng = np.random.default_rng([seed, 2])
    written = Written(rng)
    written.encoding, text = "utf-8", written.text()
    at = int(rng.integers(len(text)))
    change = rng.choice(["insert", "delete", "repeat", "cut", "bytes", "line"])
    odd = str(rng.choice(ODD))
    content = {
        "insert": text[:at] + odd + text[at:],
        "delete": text[:at] + text[at + 1 :],
        "repeat": text + text,
        "cut": text[:at],
        "bytes": text,
        "line": text[: text.find("\n", at) + 1] + odd + "\n" + text[text.find("\n", at) + 1 :],
    }[str(change)].encode()
    if change == "bytes":
        content = bytearray(content)
        content[rng.integers(len(content))] = rng.integers(128, 256)
    path = tmp_path / f"{seed}.csv"
    path.write_bytes(bytes(content))
    loaded = answers_or_refuses(lambda: read(path, separator=written.separator))
    if loaded is not None:
        report = loaded.report
        left_out = sum(count.number for count in report.left_out.values())
        assert report.rows_read == report.rows_kept + left_out
        assert np.isfinite(loaded.interactions.timestamp).all()
        ids = [*loaded.interactions.users.ids.tolist(), *loaded.interactions.items.ids.tolist()]
        assert not any(isinstance(i, str) and ("\0" in i or i != i.strip()) for i in ids)
        if change == "repeat":
            assert report.left_out["line that repeats the header"].number == 1
            assert report.rows_kept == 2 * len(written.users)


# The tables beside the main one

ITEMS = Vocabulary(np.arange(8))


def some_lines(rng, separator, width):
    """Lines of `width` fields or nearly, with the occasional odd one."""
    lines = []
    for number in range(int(rng.integers(0, 9))):
        fields = [str(number), *(str(rng.choice(IDS)) for _ in range(width - 1))]
        if rng.random() < 0.15:
            fields[rng.integers(width)] = str(rng.choice(ODD))
        if rng.random() < 0.07:
            fields.append("more")
        lines.append(separator.join(fields))
    return lines


def check_side_tables(tmp_path, seed):
    rng = np.random.default_rng([seed, 3])
    separator = str(rng.choice([",", "\t", ";", "|"]))
    lines = [separator.join(["item_id", "title", "price"]), *some_lines(rng, separator, 3)]
    text = "\n".join(lines) + "\n"
    path = tmp_path / f"{seed}.csv"
    path.write_bytes(text.encode(str(rng.choice(["utf-8", "utf-8-sig", "utf-16"]))))
    said = []
    found = answers_or_refuses(lambda: read_texts(path, text_column="title", log=said.append))
    if found is not None and not any('"' in line or "\r" in line for line in lines):
        cells = [line.split(separator) for line in lines[1:] if line.strip()]
        kept = [c for c in cells if c[0].strip() not in columns.MISSING]
        assert list(found.values()) == [c[1] for c in kept]
        assert [str(key) for key in found] == [c[0].strip() for c in kept] or all(
            isinstance(key, int) for key in found
        )
        assert bool(said) == (len(kept) < len(cells))
    table = answers_or_refuses(lambda: read_attributes(path, ITEMS))
    if table is not None:
        assert len(table[0]) == len(ITEMS) and 0 <= table[1] < len(ITEMS)


def check_json(tmp_path, seed):
    rng = np.random.default_rng([seed, 4])
    texts = {str(i): str(rng.choice([*IDS, ""])) for i in range(int(rng.integers(1, 9)))}
    text = json.dumps(texts, ensure_ascii=bool(rng.random() < 0.5))
    path = tmp_path / f"{seed}.json"
    path.write_text(text, encoding="utf-8")
    assert read_texts(path) == {int(key): value for key, value in texts.items()}
    at = int(rng.integers(len(text)))
    path.write_text(text[:at] + str(rng.choice([*ODD, "{", "[", "\\"])) + text[at:], "utf-8")
    found = answers_or_refuses(lambda: read_texts(path))
    assert found is None or all(isinstance(value, str) for value in found.values())


def check_graphs(tmp_path, seed):
    rng = np.random.default_rng([seed, 5])
    separator = str(rng.choice(["\t", " "]))
    facts, links = tmp_path / f"{seed}.kg", tmp_path / f"{seed}.links"
    facts.write_text("\n".join(some_lines(rng, separator, 3)), encoding="utf-8")
    links.write_text("\n".join(some_lines(rng, separator, 2)), encoding="utf-8")
    triples = answers_or_refuses(lambda: read_triples(facts))
    assert triples is None or all(len(t) == 3 and all(t) for t in triples)
    entities = answers_or_refuses(lambda: read_item_entities(links))
    assert entities is None or all(entities.values())
    for item_entities in (None, links):
        graph = answers_or_refuses(
            lambda linked=item_entities: KnowledgeGraph.from_files(
                facts, items=ITEMS, item_entities=linked
            )
        )
        assert graph is None or (graph.item_entity >= 0).any()


def check_labels(tmp_path, seed):
    rng = np.random.default_rng([seed, 6])
    lines = [f"{u} {rng.integers(2)}" for u in rng.permutation(8)[: rng.integers(1, 9)]]
    path = tmp_path / f"{seed}.labels"
    path.write_text("\n".join(lines))
    fake, spare = read_labels(path, ITEMS, complete=False)
    expected = dict(map(int, line.split()) for line in lines)
    assert {u: int(f) for u, f in enumerate(fake) if f == f} == expected and spare == 0
    lines.insert(int(rng.integers(len(lines) + 1)), str(rng.choice([*ODD, "3 1", "x y", "9 2"])))
    path.write_text("\n".join(lines), encoding="utf-8")
    found = answers_or_refuses(lambda: read_labels(path, ITEMS, complete=False))
    assert found is None or set(np.unique(found[0][~np.isnan(found[0])])) <= {0, 1}


def check_published(tmp_path, seed):
    rng = np.random.default_rng([seed, 7])
    rows = [
        [int(u), int(i), float(r)] for u, i, r in rng.integers(0, 9, (int(rng.integers(1, 9)), 3))
    ]
    path = tmp_path / f"{seed}.dat"
    path.write_text("\n".join("\t".join(map(str, row)) for row in rows))
    found, ratings = published_splits.read_rows(path, ("user", "item", "rating"))
    assert [[*pair, rating] for pair, rating in zip(found.tolist(), ratings, strict=True)] == rows
    text = path.read_text()
    at = int(rng.integers(len(text)))
    path.write_text(text[:at] + str(rng.choice(ODD)) + text[at:], encoding="utf-8")
    found = answers_or_refuses(lambda: published_splits.read_rows(path, ("user", "item", "rating")))
    assert found is None or (np.isfinite(found[1]).all() and found[0].min() >= 0)
    segments = answers_or_refuses(lambda: shilling._read_segments(path, 9))
    assert segments is None or all(len(items) for items in segments.values())


def check_bytes(tmp_path, seed):
    """Random bytes, a bomb of one line, and the start of other kinds of file."""
    rng = np.random.default_rng([seed, 8])
    kinds = [
        rng.bytes(int(rng.integers(1, 400))),
        gzip.compress(b"0" * (5_000_000 if seed % 4 == 1 else 500)),
        b"PK\x03\x04" + rng.bytes(50),
        b"PAR1" + rng.bytes(50),
        b"user_id,item_id,rating,time\n" + rng.bytes(60),
        b"\xff\xfe" + rng.bytes(31),
    ]
    name = str(rng.choice(["csv", "tsv", "csv.gz", "parquet", "json", "dat"]))
    path = tmp_path / f"{seed}.{name}"
    path.write_bytes(kinds[seed % len(kinds)])
    answers_or_refuses(lambda: read(path))
    answers_or_refuses(lambda: read_texts(path, text_column="title"))
    answers_or_refuses(lambda: read_triples(path))
    answers_or_refuses(lambda: read_labels(path, ITEMS, complete=False))


CHECKS = {
    "interactions": check_interactions,
    "frames": check_frames,
    "damaged": check_damaged,
    "features": check_features,
    "behavior": check_behavior,
    "MovieLens": check_movielens,
    "side tables": check_side_tables,
    "json": check_json,
    "graphs": check_graphs,
    "labels": check_labels,
    "published": check_published,
    "bytes": check_bytes,
}
PLAIN = 25  # inputs of each kind in the plain suite, 300 in all


@pytest.mark.parametrize("kind", CHECKS)
def test_generated_inputs_are_read_right_or_refused(tmp_path, kind):
    for seed in range(PLAIN):
        CHECKS[kind](tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHECKS)
def test_many_generated_inputs_are_read_right_or_refused(tmp_path, kind):
    for seed in range(PLAIN, PLAIN + 240):  # 2,880 in all
        CHECKS[kind](tmp_path, seed)


def test_the_limits_of_the_readers_are_those_that_the_messages_name():
    text = io.StringIO("x" * 100)
    with pytest.raises(files.DataError, match="at most 96 characters.*32 times `max_text`"):
        next(files.bounded_lines("f", text, max_text=3))
