"""`advrec text`: a language model as the item tower of a recommender."""

from __future__ import annotations

from typing import Literal

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Run, TextTower
from advrec_tf.commands.sources import Source
from advrec_tf.pipelines.ending import conclude
from advrec_tf.pipelines.text.settings import TextTowerSettings


def text(
    *,
    model: str,
    source: Source,
    run: Run,
    settings: TextTower = TextTowerSettings(),
    cache: str = "runs/text_vectors",
    export: str | None = None,
    format: Literal["saved_model", "litert"] = "saved_model",
    sentence: str | None = None,
    robustness: bool = False,
) -> None:
    """Train a language model as the item tower of a recommender, plainly or against an adversary.

    `advrec text --data events.csv --item-table items.csv --item-table-text title --model MODEL
    --strategy top:1 --adversary freelb --out runs/text --export saved_models/text`

    First the vectors of the untouched model are computed once and a projection trained on them;
    then, unless the model stays frozen, the model itself. The export is the tower: text in, the
    vector or the nearest items out. scripts/install_minilm.sh prints the folder of a small sentence
    encoder.

    Args:
        model: The folder of a language model, or a preset of keras-hub.
        cache: The folder where vectors are kept.
        export: The folder for the versions of the export.
        format: A SavedModel, or a LiteRT model with int8 weights for phones, which takes tokens and
            gives the vector; the tokenizer stands beside it.
        sentence: Show the items that are nearest to this text.
        robustness: Measure what disturbed texts cost.
    """
    runs.check_place(run, inputs=source.files)
    from advrec_tf.text.presets import fingerprint_of_preset

    prepared, identity, store = runs.begin(
        run,
        source,
        settings,
        job="text_tower",
        export=export,
        model_sha256=fingerprint_of_preset(model),
    )
    from advrec_tf.models.vectors import save_vectors
    from advrec_tf.pipelines.text import job

    found = job.run(prepared, settings, model, store, cache=cache, with_robustness=robustness)
    save_vectors(found.recommender, run.out / "vectors.npz")
    report = {**identity, "command": runs.command_line(), "counts": prepared.counts, **found.report}
    report["training_health"] = store.verdicts
    if export is not None:
        write = {"saved_model": _saved_model, "litert": _litert}[format]
        report["export"] = write(found, job.texts_of(prepared), export)
    path = runs.write_report(run, report)
    print("\n".join(job.table_lines(report)))
    runs.say_where(run, report=path, export=report.get("export", {}).get("path"))
    if sentence is not None:
        print(f"\nitems nearest to {sentence!r}, by cosine:")
        for title, cosine in job.nearest_items(found, sentence):
            print(f"  {cosine:6.3f}  {title}")
    conclude(store.verdicts, fail=run.fail_on_unhealthy)


def _saved_model(found, texts, folder: str) -> dict:
    from advrec_tf.serving.folder import read_metadata
    from advrec_tf.serving.saved_model import export
    from advrec_tf.text.served import ServedTower

    path = export(ServedTower(found.tower, found.recommender, texts=texts[:20]), folder)
    return {"path": str(path), "check": read_metadata(path)["check"]}


def _litert(found, texts, folder: str) -> dict:
    from advrec_tf.text.litert import export_litert, read_report

    path = export_litert(found.tower, folder, texts=texts[:100])
    return {"path": str(path), "quantization": read_report(path).as_dict()}
