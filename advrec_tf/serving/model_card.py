"""`MODEL_CARD.md`: what an exported version is, what it was checked with, and how to serve it."""

from __future__ import annotations

from collections.abc import Mapping

from advrec_tf.serving.module import SIGNATURES

_MODEL = {
    "shipped_model": "model",
    "id_table": "ids are composed by",
    "parameters": "trained parameters",
}
_SIZES = {
    "kind": "kind",
    "num_users": "users",
    "num_items": "items",
    "dim": "dimensions of a vector",
    "k": "length of a default list",
    "max_k": "longest list",
    "max_batch": "largest request",
    "data_fingerprint": "SHA-256 of the training data",
}


def model_card(name: str, notes: Mapping) -> str:
    """Markdown of the metadata that `saved_model.export` writes.

    Args:
        name: of the model, as a server knows it.
        notes: the metadata; what is absent is left out.
    """
    model = notes["metadata"].get("model")
    model = model if isinstance(model, Mapping) else {}
    facts = [f"| {_MODEL[key]} | {model[key]} |" for key in _MODEL if key in model]
    facts += [f"| {_SIZES[key]} | {notes[key]} |" for key in _SIZES if notes.get(key) is not None]
    facts += [f"| version of {name} | {version} |" for name, version in notes["versions"].items()]
    lines = [f"# {name}", "", "| fact | value |", "|---|---|", *facts, ""]
    metrics = notes["metadata"].get("metrics")
    if isinstance(metrics, Mapping) and metrics:
        lines += ["## Metrics", "", "| metric | value |", "|---|---|"]
        lines += [f"| {key} | {_number(value)} |" for key, value in metrics.items()]
        lines.append("")
    lines += ["## Signatures", "", "| signature | inputs | outputs | answer |", "|---|---|---|---|"]
    for signature, tensors in notes["signatures"].items():
        sides = [_tensors(tensors[side]) for side in ("inputs", "outputs")]
        lines.append(f"| `{signature}` | {sides[0]} | {sides[1]} | {SIGNATURES[signature]} |")
    lines += [
        "",
        *_check_lines(notes),
        *_index_lines(notes),
        *_tables_lines(notes),
        "",
        *_serving_lines(name, notes),
    ]
    return "\n".join(lines) + "\n"


def _check_lines(notes: Mapping) -> list[str]:
    check = notes.get("check")
    if check is None:
        return ["The version was written without a check."]
    latencies = [f"{key} {value:,.0f} us" for key, value in check["latency_us"].items()]
    lines = [
        f"Checked through TensorFlow's C API: {check['requests']} requests, {check['answers']} "
        f"answers as the model in memory gives them (largest relative difference "
        f"{check['largest_difference']:.1e}), loaded in {check['load_seconds']:.2f} s."
    ]
    if latencies:
        lines.append(f"Median time of one request on the CPU: {', '.join(latencies)}.")
    return lines


def _index_lines(notes: Mapping) -> list[str]:
    index = notes.get("index")
    if index is None:
        return []
    times = [
        f"{batch} users {own['index']:.1f} ms (exact lists {own['exact']:.1f})"
        for batch, own in index["milliseconds"].items()
    ]
    return [
        f"Lists of known users come from an index: {index['probes']} of {index['cells']} cells are "
        f"read, and lists of {index['k']} have {index['recall']:.3f} of the items of exact lists "
        f"({index['queries']} users that did not choose the number). In memory: {', '.join(times)}."
    ]


def _tables_lines(notes: Mapping) -> list[str]:
    tables = notes.get("tables")
    if tables is None:
        return []
    line = (
        f"Vectors are kept as {tables['kind']}: lists of {tables['k']} have "
        f"{tables['overlap']:.3f} of the items of float32 lists ({tables['users']} users)."
    )
    if "ndcg" in tables:
        numbers = ", ".join(f"{value:.4f} by {kind}" for kind, value in tables["ndcg"].items())
        line += f" NDCG@10 of held-out rows: {numbers}."
    return [line]


def _serving_lines(name: str, notes: Mapping) -> list[str]:
    lines = [
        "## Serve it",
        "",
        f"In the folder that holds `{name}`:",
        "",
        "```bash",
        f'docker run -p 8501:8501 -v "$PWD/{name}:/models/{name}" '
        f"-e MODEL_NAME={name} tensorflow/serving",
        "```",
        "",
        "Requests may be joined by the server (`--enable_batching`): every input has the batch as "
        "its first axis."
        if notes["batches"]
        else "The server must not join requests (`--enable_batching`): inputs have first axes of "
        "different lengths, and there are no warm-up requests.",
    ]
    if notes["needs_tensorflow_text"]:
        lines.append("The graph needs the operations of TensorFlow Text.")
    lines += [
        "",
        "A SavedModel is code: its graph may read and write the files of whoever loads it. Load "
        "only what comes from a source you trust.",
    ]
    return lines


def _tensors(specs: Mapping) -> str:
    def shape(sizes):
        return ", ".join("?" if size is None else str(size) for size in sizes)

    return ", ".join(f"`{k}` [{shape(v['shape'])}] {v['dtype']}" for k, v in specs.items())


def _number(value) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
