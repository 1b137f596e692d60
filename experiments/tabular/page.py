"""The report of the study of generated tables as a Markdown page, from the report alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.harness.compare import deviation
from experiments.harness.markdown import number, page, spread, table

LABEL = "gender"
TITLES = {
    "world": "Users of the built-in world",
    "ml-100k": "Users of MovieLens 100K",
    "ml-1m": "Users of MovieLens 1M",
}
COLUMNS = {
    "AUC": lambda q: q["two_sample_auc"],
    "AUC, held-out records": lambda q: q["two_sample_auc_holdout"],
    "worst TV": lambda q: q["worst_column"][1],
    "correlations": lambda q: q["correlations"]["mean"],
    "modes": lambda q: q["mode_coverage"],
    "TSTR / TRTR": lambda q: q["train_on_synthetic"]["ratio"],
    "copies": lambda q: q["disclosure"]["duplicates"],
    "nearest": lambda q: q["disclosure"]["nearest_ratio"],
    "membership": lambda q: q["disclosure"]["membership_auc"],
}


def markdown(report: dict, path: Path) -> str:
    """A table for each set of users, means over seeds with the deviation, and a verdict."""
    from advrec_tf.tabular.quality import AIMS

    text = (
        "A fifth of the users is held out; the others train the generators, but for 15 % of them, "
        "which decide when training stops. *AUC*: of a gradient-boosting classifier that tells "
        "generated from training records (.5: it cannot; below: copies), and from held-out "
        "records. *Worst TV*: total variation of the worst column. *TSTR / TRTR*: AUC of "
        f"predicting `{LABEL}` of held-out users, trained on generated over trained on real "
        "records. *Copies*: records equal to a training record that is the only one of its kind. "
        "*Nearest*: median distance to the nearest training record over that of held-out records. "
        "*Membership*: AUC of telling training from held-out records by their distance to "
        "generated ones. `vae` is the ablation of `gan`: its generator without the adversary."
    )
    aims = "; ".join(f"{name} {way} {aim:g}" for name, (way, aim) in AIMS.items())
    return page(
        "Generated tables",
        report["command"],
        ["", text, "", f"Aims of the GAN: {aims}."],
        *(_section(name, list(seeds.values())) for name, seeds in report["tables"].items()),
    )


def _section(name: str, seeds: list[dict]) -> list[str]:
    first, lines = seeds[0], []
    for generator in first["qualities"]:
        cells = [
            [value(record["qualities"][generator]) for record in seeds]
            for value in COLUMNS.values()
        ]
        times = [record["seconds"].get(generator) for record in seeds]
        seconds = None if None in times else float(np.mean(times))
        means = (spread(float(np.mean(values)), deviation(values), 3) for values in cells)
        lines.append([generator, *means, number(seconds, 0)])
    size = f"{first['records']:,} records, {first['columns']} columns"
    return [
        *("", f"## {TITLES[name]}: {size}, {len(seeds)} seed{'s' * (len(seeds) > 1)}"),
        *table(["generator", *COLUMNS, "seconds"], lines),
        *("", _verdict(seeds)),
    ]


def _verdict(seeds: list[dict]) -> str:
    """Which aims the mean of the GAN reaches, and whether it stands above its ablation."""
    from advrec_tf.tabular.quality import AIMS, headline

    figures = [headline(record["qualities"]["gan"]) for record in seeds]
    parts = []
    for name, (way, aim) in AIMS.items():
        mean = float(np.mean([found[name] for found in figures]))
        good = mean <= aim if way == "at most" else mean >= aim
        parts.append(f"{name} {mean:.3f} ({'reached' if good else 'missed'})")
    gaps = [
        qualities["gan"]["two_sample_auc"] - qualities["vae"]["two_sample_auc"]
        for qualities in (record["qualities"] for record in seeds)
    ]
    text = (
        f"The GAN: {'; '.join(parts)}. Its two-sample AUC less that of its ablation, by seed: "
        f"{', '.join(f'{gap:+.3f}' for gap in gaps)}."
    )
    counts = {
        name: sum(name in record["unfinished"] for record in seeds) for name in ("gan", "vae")
    }
    late = [f"{name} in {count} of {len(seeds)} runs" for name, count in counts.items() if count]
    if late:
        text += (
            f" Still improving when the steps were up: {', '.join(late)}; with more steps it may "
            "do better than here."
        )
    return text
