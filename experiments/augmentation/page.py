"""The report of the augmentation study as a Markdown page and as plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from experiments.augmentation.settings import PARTS
from experiments.harness import markdown
from experiments.harness.entries import settings_text
from experiments.harness.reports import images_of

MONITOR, TAIL, COVERAGE = "ndcg@10", "long_tail_share@10", "coverage@10"
TITLES = dict(
    zip(
        PARTS,
        ("Sparse users", "Users known by attributes only", "The long tail", "Sequences"),
        strict=True,
    )
)
EXPLANATIONS = {
    "sparse": (
        "A fifth of the users was cut to 1, 3 or 5 interactions, drawn anew with every seed. "
        "*Withheld*: NDCG@10 on half of what was taken away; the other half chose settings. *All* "
        "and *fifth*: NDCG@10 on what comes next (the last item in time; a random part of the "
        "interactions where the data has no times), of all users and of those cut. *Interactions* "
        "of a source: each user with fewer than {min_history} interactions is filled up to that "
        "many with the best unseen items of the source, which is trained on the cut data alone; "
        "how far a trained source is mixed with popularity is set by the likelihood of the "
        "validation half. People rate popular items more often, which favors popularity in the "
        "withheld measure as well."
    ),
    "cold": (
        "A fifth of the users, drawn anew with every seed, lost every interaction. The first "
        "entries of the table rank such users directly; those named *interactions* give each of "
        "them {min_history} generated interactions, top-ranked by a source or sampled from it, and "
        "train the factorization on those. *Withheld*: half of what was taken away; the other half "
        "chose settings and epochs. The ablation is a conditional variational autoencoder, the "
        "attribute GAN the same with its adversarial loss."
    ),
    "tail": (
        "Nobody is cut. Every user gets generated interactions, {steered_rows:g} of the number of "
        "real ones, from a source steered to rare items (`gan.steering`): p(i | u) n_i^-gamma, "
        "with gamma such that the mean log popularity of what is drawn lies {cap:g} nats below "
        "that of real interactions, so that every source generates equally rare items. Settings by "
        "validation: the largest tail fraction that keeps 99 % of NDCG@10. *Tail*: fraction of "
        "recommended places for items outside the 20 % with most interactions. Aim: tail up 20 %, "
        "NDCG@10 down 1 % at most."
    ),
    "sequences": (
        "Sequences of {length} items in order of time. A fifth of the users is held out, and what "
        "is generated is compared with their sequences; a sample of the training sequences, *real "
        "sequences of other users*, is the nearest that can be expected. Total variation of item "
        "frequencies, of (item, next item) and of the same by groups of items; AUC of a classifier "
        "(.5: cannot tell). *Next item*: NDCG@10 of the generator as a recommender."
    ),
}
SEQUENCE_COLUMNS = {
    "auc": ("AUC", 3),
    "popularity": ("item frequencies", 3),
    "bigrams": ("pairs", 3),
    "group_bigrams": ("pairs by group", 3),
    "distinct": ("distinct", 3),
    "effective_items": ("effective items", 0),
    "copies": ("copies", 3),
    "validation": ("validation", 4),
    "next item": ("next item", 4),
}


def render(report: Mapping, path: Path) -> str:
    """The page, after its plots were drawn at their place."""
    from experiments.harness.plots import save

    save(plots(report, _name(path)), path)
    return markdown_page(report, path)


def _name(path: Path) -> str:
    return path.stem.removeprefix("augmentation-")


def markdown_page(report: Mapping, path: Path) -> str:
    """The report of the study as a page; the plot of a part is named after it."""
    text = (
        "Mean over seeds, standard deviation over seeds in brackets. Differences are paired over "
        "users, each user's values averaged over seeds first, with half of the 95 % interval and "
        "the p-value of Student's t-test, not corrected for the number of comparisons. *Chosen*: "
        "the setting that validation preferred with the first seed, whose test figures count as "
        "any other seed's."
    )
    sections = [markdown.facts(report["about"]), ["", text]]
    for part in report["parts"]:
        name, seeds = part["part"], f"{part['seeds']} seed{'s' * (part['seeds'] > 1)}"
        sections.append(["", f"## {TITLES[name]}: {seeds}", ""])
        sections.append([EXPLANATIONS[name].format(**report["settings"])])
        sections.append(_sequences(part) if name == "sequences" else _part(part))
        sections.append(["", f"![{TITLES[name]}]({images_of(path)}{name}.png)"])
    return markdown.page(f"Augmentation: {_name(path)}", report["command"], *sections)


def _columns(report: Mapping) -> list[tuple[str, str, str]]:
    """(heading, test, figure) of each column of a part."""
    first, last = report["tests"][0], report["tests"][-1]
    if report["part"] == "sparse":
        columns = [(f"cut to {count}", first, f"cut to {count}") for count in (1, 3, 5)]
        columns = [("withheld", first, MONITOR), *columns, (f"{last}, fifth", last, "cut users")]
        columns += [(f"{last}, all", last, MONITOR)]
    elif report["part"] == "cold":
        columns, last = [(test, test, MONITOR) for test in report["tests"]], first
    else:
        columns = [(first, first, MONITOR), ("sparsest fifth", first, "sparsest fifth")]
    return [*columns, ("tail", last, TAIL), ("coverage", last, COVERAGE)]


def _part(report: Mapping) -> list[str]:
    """The table of a part, then what validation chose and what the adversary adds."""
    columns, baseline, first = _columns(report), report["baseline"], report["tests"][0]
    names = [name for name, *_ in columns]
    head = ["model", "chosen", "validation", *names, f"{first}, against {baseline}"]
    lines = []
    for label, entry in report["entries"].items():
        mean, deviation = entry["mean"], entry["deviation"]
        chosen = settings_text(entry["settings"]).replace("_", " ")
        cells = [
            markdown.spread(mean[test].get(figure), deviation[test].get(figure))
            for _, test, figure in columns
        ]
        gap = markdown.difference(entry["against"].get(baseline, {}).get(first))
        lines.append([label, chosen, markdown.number(mean["validation"][MONITOR]), *cells, gap])
    text = markdown.table(head, lines)
    gaps = {
        label: entry["against"][baseline][first]
        for label, entry in report["entries"].items()
        if label != baseline
    }
    text += markdown.corrected(gaps, f"{baseline} in {first}")
    chosen = report["default"]
    text += ["", f"Validation prefers **{chosen}**, which is the default{_gain(report, chosen)}."]
    for label, entry in report["entries"].items():
        if entry["ablation"] is None:
            continue
        against = dict(entry["against"])
        added = [
            f"{test} {markdown.difference(gap)}"
            for test, gap in against.pop(entry["ablation"]).items()
        ]
        others = [f"{other} {markdown.difference(gap[first])}" for other, gap in against.items()]
        text += [
            "",
            f"*{label}* against *{entry['ablation']}*, what the adversary adds: "
            f"{'; '.join(added)}. Against the others, {first}: {'; '.join(others)}.",
        ]
    return text


def _gain(report: Mapping, chosen: str) -> str:
    baseline, test = report["baseline"], report["tests"][0]
    if chosen == baseline:
        return f": nothing is better than *{chosen}* there"
    before, after = (report["entries"][label]["mean"][test] for label in (baseline, chosen))
    ratios = [
        f"{name} {after[figure] / before[figure] - 1:+.1%}"
        for name, figure in (("NDCG@10", MONITOR), ("tail", TAIL))
        if before[figure] > 0
    ]
    return f": {', '.join(ratios)} against *{baseline}* on {test}"


def _sequences(report: Mapping) -> list[str]:
    lines = []
    for label, entry in report["entries"].items():
        cells = [
            markdown.spread(entry["mean"].get(name), entry["deviation"].get(name), digits)
            for name, (_, digits) in SEQUENCE_COLUMNS.items()
        ]
        lines.append([label, *cells, f"{entry['seconds']:.0f}"])
    names = [name for name, _ in SEQUENCE_COLUMNS.values()]
    text = markdown.table(["source", *names, "seconds"], lines)
    collapsed = [
        f"{label}: {one}" for label, entry in report["entries"].items() for one in entry["collapse"]
    ]
    return [*text, "", f"{'; '.join(collapsed)}." if collapsed else "No generator collapsed."]


def plots(report: Mapping, title: str) -> dict[str, Callable]:
    """Name -> function that draws: bars of every part, and the losses of the sequence GAN."""
    from advrec_tf.pipelines.recommend.plots import draw_training
    from experiments.harness.plots import BLUE, RED, bars

    drawn = {}
    for part in report["parts"]:
        name, entries = part["part"], part["entries"]
        generated = [label for label in entries if "GAN" in label and "ablation" not in label]
        colors = dict.fromkeys(generated, RED)
        if name == "sequences":
            columns = {"AUC of telling from real": ("auc",), "NDCG@10, next item": ("next item",)}
            history = entries["GAN, Gumbel-softmax"]["history"]
            if history:
                drawn["sequence_networks"] = lambda history=history: draw_training(history)
        else:
            colors[part["baseline"]] = BLUE
            tests = part["tests"]
            columns = {f"NDCG@10, {test}": (test, MONITOR) for test in tests}
            columns["fraction of the long tail"] = (tests[-1], TAIL)
        values = {
            label: {column: _at(entry["mean"], path) for column, path in columns.items()}
            for label, entry in entries.items()
        }
        values = {
            label: {column: value for column, value in one.items() if value is not None}
            for label, one in values.items()
        }
        settings = {"colors": colors, "baseline": part.get("baseline")}
        drawn[name] = lambda v=values, c=list(columns), n=name, s=settings: bars(
            v, c, title=f"{TITLES[n]}, {title}", **s
        )
    return drawn


def _at(values: Mapping, path: tuple[str, ...]):
    for name in path:
        values = values.get(name)
        if values is None:
            return None
    return values
