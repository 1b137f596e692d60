"""Writing a table generator as a versioned SavedModel, and proving that it runs alone.

`check_generator` loads the version through TensorFlow's C API in a process without this
package's models (see `c_api`) and compares its rows with those of `generate`.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._version import __version__
from advrec_tf.ops.files import atomic_folder
from advrec_tf.serving import folder
from advrec_tf.serving.answers import Case, ExportCheckError
from advrec_tf.serving.check import run_in_child
from advrec_tf.tabular.network_generator import NetworkGenerator
from advrec_tf.tabular.served import ServedGenerator, names_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorCheck:
    """Rows and columns compared; `rows_per_second` of one request through the C API."""

    path: str
    rows: int
    columns: int
    rows_per_second: float

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


def export_generator(
    model: NetworkGenerator, directory: str | os.PathLike, *, version: int | None = None
) -> Path:
    """Write `model` to `directory/version`, by default 1 + the highest there is.

    `assets.extra/advrec_tf.json` holds the schema and the fitted transform; see
    `served_table.ServedGenerator` for the signatures.

    Raises:
        ValueError: if `version` is negative.
        FileExistsError: if the version exists; it is left as it is.
    """
    target = folder.version_path(directory, version)
    module = ServedGenerator(model)
    notes = {
        "versions": {"advrec_tf": __version__, "tensorflow": tf.__version__},
        "conditional": [codec.column.name for codec in module.given],
        "columns": module.names,
        "transform": model.transform.as_dict(),
    }
    with atomic_folder(target) as unfinished:
        tf.saved_model.save(module, os.fspath(unfinished), signatures=module.signatures())
        (unfinished / folder.METADATA).parent.mkdir()
        text = json.dumps(notes, indent=2, allow_nan=False)
        (unfinished / folder.METADATA).write_text(text + "\n", encoding="utf-8")
    return target


def check_generator(
    path: str | os.PathLike, model: NetworkGenerator, *, rows: int = 1024, timeout: float = 300.0
) -> GeneratorCheck:
    """Compare `rows` served rows with those that `model` draws for the same seed.

    Up to 1 % of the values of a column may differ (a choice between two nearly equal logits
    can fall either way on another runtime).

    Raises:
        ExportCheckError: with the first column that differs, or why the version does not load.
    """
    seed = [7, 0]
    inputs = {"num_rows": rows, "seed": seed}
    case = Case(title="rows", signature="serving_default", inputs=inputs, repeat=3)
    answer = run_in_child(path, [case], timeout=timeout)["results"][0]
    if "error" in answer:
        raise ExportCheckError(f"{path} refuses a request: {answer['error']}")
    mask = np.zeros(len(model.layout.names), bool)
    drawn = model.draw(rows, seed, None, mask)
    expected = model.transform.decode(drawn)
    names = names_of(model.layout.names)
    for codec in model.transform.codecs:
        served = answer["outputs"][names[codec.column.name]]
        wrong = _differing(served, expected[codec.column.name], codec.column)
        if len(served) != rows or wrong > 0.01:
            raise ExportCheckError(
                f"{path}: {wrong:.1%} of column {codec.column.name!r} differ from the model in "
                f"memory ({len(served)} values for {rows} rows)."
            )
    return GeneratorCheck(
        path=os.fspath(path),
        rows=rows,
        columns=len(model.layout.names),
        rows_per_second=rows / answer["seconds"],
    )


def _differing(served: list, expected: pd.Series, column) -> float:
    if column.kind == "number":
        values = expected.to_numpy(np.float64, na_value=np.nan)
        close = np.isclose(np.array(served, float), values, rtol=1e-5, atol=1e-5, equal_nan=True)
        return float(1 - close.mean())
    if column.kind == "date":
        pattern = "%Y-%m-%d" if column.day else "%Y-%m-%dT%H:%M:%S"
        texts = expected.dt.strftime(pattern).fillna("")
    elif column.kind == "boolean" and column.missing:
        texts = expected.map({False: column.spelling[0], True: column.spelling[1]})
        texts = texts.astype(object).fillna("")
    else:
        texts = expected.astype(object).where(expected.notna(), "")
    return float(np.mean([a != b for a, b in zip(served, texts, strict=True)]))
