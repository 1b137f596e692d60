"""The report of the augmentation job as a Markdown page and as plots."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.augmentation.evaluation import MONITOR

TITLES = {
    "sparse": "Sparse users",
    "cold": "Users known by attributes only",
    "tail": "The long tail",
    "sequences": "Sequences",
}
EXPLANATIONS = {
    "sparse": (
        "A fifth of the users was cut to 1, 3 or 5 rows, drawn anew with every seed. *Withheld*: "
        "NDCG@10 on half of what was taken away; the other half chose settings. *All* and *fifth*: "
        "NDCG@10 on what comes next (the last item in time; a random part of the rows where "
        "the data has no times), of all users and of those cut. *Rows*: each user with fewer "
        "than {reach} rows is filled up to that many by the best unseen items of a source, which "
        "sees the cut rows alone; how far a taught source is trusted beyond popularity is set "
        "by the likelihood of the choosing half. What people rated favors popular items, and so "
        "does the withheld measure."
    ),
    "cold": (
        "A fifth of the users, drawn anew with every seed, lost every row. The first rows of the "
        "table rank such users directly; the *rows* give them {reach} generated interactions each, "
        "the best of a source or a profile as it draws one, and train the factorization on "
        "those. *Withheld*: half of what was taken away, the other "
        "half chose settings and epochs. The ablation is a conditional variational autoencoder, "
        "the "
        "GAN the same with its game."
    ),
    "tail": (
        "Nobody is cut. Every user gets generated rows, {steered_rows:g} of what it has, from a "
        "source steered to rare items (`gan.steering`): p(i | u) n_i^-gamma, gamma such that "
        "the mean log popularity of what is drawn lies {cap:g} nats below that of real rows; so "
        "every source writes equally rare items. Settings by validation: the largest tail "
        "share that keeps 99 % of NDCG@10. *Tail*: share of recommended places for items "
        "outside the 20 % with most rows. Aim: tail up 20 %, NDCG@10 down 1 % at most."
    ),
    "sequences": (
        "Sequences of {length} items in order of time. A fifth of the users is held out, and what "
        "is generated compared with their sequences; *real, of other users* is what a sample of "
        "training sequences gives: nothing can be expected to be nearer. Total variation of "
        "item shares, of (item, next item) and of the same by groups of items; AUC of a "
        "classifier (.5: cannot tell). *Next item*: NDCG@10 of the generator as a recommender."
    ),
}


def markdown(report: Mapping, title: str, images: str) -> str:
    """The report of the job as a page; the plot of a part is at `images` + PART + ".png"."""
    made = f"Made by `{report['command']}`"
    if "--page-only" in report["command"]:
        made += ", from the seeds that the same command without `--page-only` had finished"
    lines = [f"# Augmentation: {title}", "", f"{made}.", ""]
    lines += [f"- {name}: {value}" for name, value in report["about"].items()]
    lines += [
        "",
        "Mean over seeds, standard deviation over seeds in brackets. p: Student's paired t-test "
        "over users, each user's values averaged over seeds first; no correction for many "
        "comparisons. *Chosen*: the setting that validation preferred with the first seed, whose "
        "test figures count as any other seed's.",
    ]
    for part in report["parts"]:
        name, seeds = part["part"], f"{part['seeds']} seed{'s' * (part['seeds'] > 1)}"
        text = EXPLANATIONS[name].format(**report["settings"])
        lines += ["", f"## {TITLES[name]}: {seeds}", "", text, ""]
        lines += sequence_table(part) if name == "sequences" else part_table(part)
        lines += ["", f"![{TITLES[name]}]({images}{name}.png)"]
    return "\n".join(lines) + "\n"


def _columns(report: Mapping) -> list[tuple[str, str, str]]:
    """(heading, test, figure) of each column of a part."""
    tests = report["tests"]
    if report["part"] == "sparse":
        withheld, future = tests
        return [
            ("withheld", withheld, MONITOR),
            ("cut to 1", withheld, "cut to 1"),
            ("cut to 3", withheld, "cut to 3"),
            ("cut to 5", withheld, "cut to 5"),
            (f"{future}, fifth", future, "cut users"),
            (f"{future}, all", future, MONITOR),
            ("tail", future, "long_tail_share@10"),
            ("coverage", future, "coverage@10"),
        ]
    if report["part"] == "cold":
        return [(test, test, MONITOR) for test in tests] + [
            ("tail", tests[0], "long_tail_share@10"),
            ("coverage", tests[0], "coverage@10"),
        ]
    return [
        (tests[0], tests[0], MONITOR),
        ("sparsest fifth", tests[0], "sparsest fifth"),
        ("tail", tests[0], "long_tail_share@10"),
        ("coverage", tests[0], "coverage@10"),
    ]


def part_table(report: Mapping) -> list[str]:
    """The table of a part, then what validation chose and what the adversary bought."""
    columns, base = _columns(report), report["base"]
    first = report["tests"][0]
    header = ["", "chosen", "validation", *(name for name, *_ in columns), f"{first} less {base}"]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for label, row in report["rows"].items():
        point = (
            "" if row["chosen"] is None else f"{row['setting'].replace('_', ' ')} {row['chosen']:g}"
        )
        cells = [_cell(row, test, figure) for _, test, figure in columns]
        validation = f"{row['mean']['validation'][MONITOR]:.4f}"
        gap = "" if label == base else _gap(row["against_base"][first])
        lines.append("| " + " | ".join([label, point, validation, *cells, gap]) + " |")
    chosen = report["default"]
    lines += ["", f"Validation prefers **{chosen}**, which is the default{_said(report, chosen)}."]
    for label, row in report["rows"].items():
        if "against" not in row:
            continue
        bought = [
            f"{test} {_gap(row['against'][row['ablation']][test])}" for test in report["tests"]
        ]
        others = [
            f"{other} {_gap(gaps[first])}"
            for other, gaps in row["against"].items()
            if other != row["ablation"]
        ]
        lines += [
            "",
            f"*{label}* less *{row['ablation']}*, what the adversary bought: {'; '.join(bought)}. "
            f"Less "
            f"the others, {first}: {'; '.join(others)}.",
        ]
    return lines


def _cell(row: Mapping, test: str, figure: str) -> str:
    if figure not in row["mean"][test]:
        return ""
    return _spread(row["mean"][test][figure], row["deviation"][test][figure], 4)


def _spread(mean: float, deviation: float | None, digits: int) -> str:
    text = f"{mean:.{digits}f}"
    return text if deviation is None else f"{text} ({deviation:.{digits}f})"


def _gap(test: Mapping) -> str:
    p = test["p_value"]
    return f"{test['difference']:+.4f}, p {p:.2g}"


def _said(report: Mapping, chosen: str) -> str:
    base, row = report["rows"][report["base"]], report["rows"][chosen]
    test = report["tests"][0]
    if chosen == report["base"]:
        return f": nothing beats *{chosen}* there"
    ratios = [
        f"{name} {row['mean'][test][figure] / base['mean'][test][figure] - 1:+.1%}"
        for name, figure in (("NDCG@10", MONITOR), ("tail", "long_tail_share@10"))
        if base["mean"][test][figure] > 0
    ]
    return f": {', '.join(ratios)} against *{report['base']}* on {test}"


def sequence_table(report: Mapping) -> list[str]:
    names = {
        "auc": "AUC",
        "popularity": "item shares",
        "bigrams": "pairs",
        "group_bigrams": "pairs by group",
        "distinct": "distinct",
        "effective_items": "effective items",
        "copies": "copies",
        "validation": "validation",
        "next item": "next item",
    }
    lines = ["| | " + " | ".join(names.values()) + " | seconds |", "|" + "---|" * (len(names) + 2)]
    for label, row in report["rows"].items():
        cells = []
        for name in names:
            value = row["mean"].get(name)
            digits = (
                0 if name == "effective_items" else 4 if name in ("validation", "next item") else 3
            )
            cells.append("" if value is None else _spread(value, row["deviation"][name], digits))
        lines.append(f"| {label} | " + " | ".join(cells) + f" | {row['seconds']:.0f} |")
    said = [f"{label}: {one}" for label, row in report["rows"].items() for one in row["collapse"]]
    return [*lines, "", "; ".join(said) + "." if said else "No generator collapsed."]
