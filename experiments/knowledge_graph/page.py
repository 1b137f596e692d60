"""The report of the study of knowledge graphs as a Markdown page, from the report alone."""

from __future__ import annotations

from pathlib import Path

from experiments.harness.entries import settings_text
from experiments.harness.markdown import (
    difference,
    facts,
    number,
    page,
    spread,
    table,
)

LINK_COLUMNS = {
    "mrr": "MRR",
    "hits@1": "hits@1",
    "hits@3": "hits@3",
    "hits@10": "hits@10",
    "mean_rank": "mean rank",
    "mrr without counterparts": "MRR without counterparts",
    "hits@10 without counterparts": "hits@10 without counterparts",
}
TESTS = ("all items", "cold items")


def markdown(report: dict, path: Path) -> str:
    """Both tables, as far as the report has them."""
    return page(
        f"{report['name']}: knowledge graph",
        report["command"],
        facts(report["about"]),
        ["", "Means over the training seeds (deviation); settings are chosen on validation."],
        _links(report["links"]) if "links" in report else [],
        _cold(report["cold"]) if "cold" in report else [],
    )


def _links(report: dict) -> list[str]:
    number_of = report["facts"]
    text = (
        f"{report['entities']:,} entities, {report['relations']} relations; "
        f"{number_of['train']:,} facts trained on, {number_of['validation']:,} to choose by, "
        f"{number_of['test']:,} tested, held out at random. Head and tail of each are ranked among "
        "all entities, other known answers masked, ties against the fact. *Count of the facts* "
        "ranks an entity by how often it stands at that end of the relation. Corrupted facts are "
        "weighed evenly (uniform), by the model's own scores (self_adversarial), or picked by a "
        f"generator that is trained against it. The two ends of {report['counterparts']:.0%} of "
        "the tested facts stand together in a training fact, of another relation or the other way "
        "round: those can be looked up, and *without counterparts* are the others."
    )
    lines = []
    for label, entry in report["entries"].items():
        mean, deviation = entry["mean"]["test"], entry["deviation"]["test"]
        lines.append([label, str(entry["seeds"])])
        for name in LINK_COLUMNS:
            digits = 0 if name == "mean_rank" else 4
            lines[-1].append(spread(mean[name], deviation[name], digits))
        lines[-1].append(_chosen(entry))
    head = ["model", "seeds", *LINK_COLUMNS.values(), "setting"]
    return ["", "## Link prediction", "", text, *table(head, lines)]


def _cold(report: dict) -> list[str]:
    text = (
        f"{report['items with an entity']:,} of {report['items']:,} items have an entity; "
        f"{report['cold items']:,} of them lost every interaction, half to choose weight and epoch "
        f"by, half tested; {report['training interactions']:,} interactions are left. The items' "
        "vectors of the factorization are the entities' of a TransE, trained in the same steps. "
        "*With the facts of other items*: the same graph, each item tied to the entity of another. "
        "*Cold items*: the tested items alone are ranked. *Against the ablation*: the difference "
        "in NDCG@10 to the factorization without facts, paired over users, with half of the 95 % "
        "interval."
    )
    lines = []
    for label, entry in report["entries"].items():
        mean, deviation = entry["mean"], entry["deviation"]
        against = entry["against"].get(entry["ablation"], {})
        epochs = sorted({epoch for epoch in entry["epochs"] if epoch})
        lines.append(
            [
                label,
                str(entry["seeds"]),
                *(spread(mean[test]["ndcg@10"], deviation[test]["ndcg@10"]) for test in TESTS),
                number(mean["cold items"]["hit_rate@10"]),
                _chosen(entry),
                ", ".join(map(str, epochs)),
                *(difference(against.get(test)) for test in TESTS),
            ]
        )
    columns = [f"NDCG@10, {test}" for test in TESTS] + ["hit rate@10, cold items"]
    compared = [f"against the ablation, {test}" for test in TESTS]
    head = ["model", "seeds", *columns, "weight of the facts", "epochs", *compared]
    return ["", "## Items without any interaction", "", text, *table(head, lines)]


def _chosen(entry: dict) -> str:
    """`margin 4 of 4, 8, 2`."""
    if not entry["tried"]:
        return ""
    tried = ", ".join(point.split()[-1] for point in entry["tried"])
    return f"{settings_text(entry['settings'])} of {tried}"
