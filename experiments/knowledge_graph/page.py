"""The report of the knowledge-graph job as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.knowledge_graph.links import METRICS, WITHOUT_COUNTERPARTS


def markdown(report: Mapping, title: str, command: str) -> str:
    """Both tables, from the report alone."""
    lines = [f"# {title}: knowledge graph", "", f"Made by `{command}`.", ""]
    lines += [f"- {name}: {value}" for name, value in report["about"].items()]
    lines += ["", "Means over the training seeds (deviation); settings by validation."]
    if "links" in report:
        lines += _links(report["links"])
    if "cold" in report:
        lines += _cold(report["cold"])
    return "\n".join(lines) + "\n"


def _links(report: Mapping) -> list[str]:
    facts = report["facts"]
    lines = [
        "",
        "## Link prediction",
        "",
        f"{report['entities']:,} entities, {report['relations']} relations; {facts['train']:,} "
        f"facts trained on, {facts['validation']:,} to choose by, {facts['test']:,} tested, held "
        "out at random. Head and tail of each are ranked among all entities, other known answers "
        "masked, ties against the fact. *Count of the facts* ranks an entity by how often it "
        "stands at that end of the relation. Corrupted facts are weighed evenly, by the model's "
        "own scores (self_adversarial), or picked by a generator that is trained against it. "
        f"The two ends of {report['counterparts']:.0%} of the tested facts stand together in a "
        f"training "
        "fact, of another relation or the other way round: those can be found by heart, and "
        "*without counterparts* are the others.",
        "",
        "| model | seeds | MRR | hits@1 | hits@3 | hits@10 | mean rank | MRR without counterparts "
        "| "
        "hits@10 without counterparts | setting |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for label, row in report["rows"].items():
        cells = [label, str(row["seeds"])]
        for name in (*METRICS, *WITHOUT_COUNTERPARTS):
            digits = 0 if name == "mean_rank" else 4
            cell = f"{row['mean'][name]:.{digits}f}"
            if name in row["deviation"]:
                cell += f" ({row['deviation'][name]:.{digits}f})"
            cells.append(cell)
        cells.append(_chosen(row["setting"], row["point"], row["tried"]))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _cold(report: Mapping) -> list[str]:
    lines = [
        "",
        "## Items without any interaction",
        "",
        f"{report['items with an entity']:,} of {report['items']:,} items have an entity; "
        f"{report['cold items']:,} of them lost every row, half for choosing weight and epoch, "
        f"half tested; {report['training rows']:,} rows are left. The items' vectors of the "
        "factorization are the entities' of a TransE, trained in the same steps. *With the facts "
        "of other items*: the same graph, each item tied to the entity of another. *Cold items*: "
        "the tested items alone are ranked. *Against ablation*: the difference in NDCG@10 to the "
        "factorization without facts, paired over users, with half of the 95 % interval.",
        "",
        "| model | seeds | NDCG@10, all items | NDCG@10, cold items | hit rate@10, cold items | "
        "weight of the facts | epochs | against ablation, all items | against ablation, cold "
        "items |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for label, row in report["rows"].items():
        cells = [label, str(row["seeds"])]
        for test in ("all items", "cold items"):
            cell = f"{row[test]['ndcg@10']:.4f}"
            if "deviation" in row[test]:
                cell += f" ({row[test]['deviation']:.4f})"
            cells.append(cell)
        cells.append(f"{row['cold items']['hit_rate@10']:.4f}")
        cells.append(_chosen("", row["weight"], row["tried"]) if row["tried"] else "")
        cells.append(", ".join(str(e) for e in sorted({e for e in row["epochs"] if e})))
        for test in ("all items", "cold items"):
            found = row[test].get("against ablation")
            cells.append(f"{found['difference']:+.4f} ± {found['half_width']:.4f}" if found else "")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _chosen(setting: str | None, point: float | None, tried: Mapping) -> str:
    if point is None:
        return ""
    return f"{setting} {point:g} of {', '.join(tried)}".strip()
