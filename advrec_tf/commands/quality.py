"""`advrec quality`: how good generated rows are."""

from __future__ import annotations

import json
from pathlib import Path

from advrec_tf.commands import run as runs
from advrec_tf.commands.table_formats import TableColumns


def quality(
    real: Path,
    synthetic: Path,
    /,
    *,
    columns: TableColumns = TableColumns(),
    holdout: Path | None = None,
    out: Path,
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Compare generated rows with real ones: fidelity, classifier tests and disclosure, as a page.

    `advrec quality real.csv generated.csv --label churned --holdout unseen.csv --out runs/quality`

    Without --holdout nearest neighbors are held against the real rows themselves and membership is
    not measured. The folder gets quality.html (self-contained), quality.json, plots, and
    TensorBoard images. Each file may have a separator, an encoding and notations of numbers and
    dates of its own. It needs scikit-learn (the extra `analysis`).

    Args:
        real: A CSV file of the rows that the generator was trained on.
        synthetic: A CSV file of the generated rows.
        holdout: A CSV file of real rows that no generator saw.
        out: The folder of the report.
        seed: The seed of everything that is drawn.
        overwrite: Replace the report in --out where it exists.
    """
    from advrec_tf.ops.files import atomic_bytes, check_output

    runs.check_writable("--out", out)
    inputs = [real, synthetic, holdout]
    for name in ("quality.html", "quality.json"):
        check_output(out / name, overwrite=overwrite, inputs=inputs, name="--out")
    from advrec_tf.ops.extras import require_sklearn
    from advrec_tf.tabular.files import read_like

    require_sklearn("Classifier tests need")
    table = columns.read(real)
    print(table)
    files = columns.file_format()
    generated = read_like(table.schema, synthetic, **files)
    unseen = None if holdout is None else read_like(table.schema, holdout, **files)

    from advrec_tf.pipelines.tabular import words
    from advrec_tf.tabular import quality as measures
    from advrec_tf.tabular import quality_page, quality_plots

    result = measures.quality(table.frame, generated, table.schema, holdout=unseen, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    plots, missing = quality_plots.all_plots(table.frame, generated, table.schema)
    quality_plots.write_plots(plots, out)
    notes = [*table.schema.noticed, *missing]
    record = {**result, "columns_read": table.schema.as_dict()["columns"]}
    title = f"{synthetic.name} against {real.name}"
    page = out / "quality.html"
    atomic_bytes(page, quality_page.page(title, result, plots, notes=notes), overwrite=True)
    atomic_bytes(out / "quality.json", json.dumps(record, indent=2) + "\n", overwrite=True)
    for note in [*missing, *result["notes"]]:
        print(f"note: {note}")
    print("\n".join(words.verdict_lines(result)))
    print(f"report       {page}")
