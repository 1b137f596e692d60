"""What the page shows of each section beside its plot: tables and notes, a function a section.

What a block is says `blocks`.
"""

from __future__ import annotations

from advrec_tf.attacks.rating_statistics import shift_in_words
from advrec_tf.pipelines.attack import certificates
from advrec_tf.pipelines.audit.blocks import note, number, percent, table, with_interval
from advrec_tf.pipelines.audit.poisoning import unfit_in_words
from advrec_tf.pipelines.audit.privacy import FALSE_POSITIVES

_PARTS = {"all": "all measured users", "short": "short histories", "tail": "tail items"}


def data(found: dict) -> list[dict]:
    rows = [
        ["rows, users, items", f"{found['rows']:,}, {found['users']:,}, {found['items']:,}"],
        ["train, validation, test rows", ", ".join(f"{n:,}" for n in found["parts"].values())],
        ["rows that repeat an earlier pair", percent(found["repeated_pairs"])],
        ["test rows with items that train knows from later", percent(found["future"])],
        ["test rows at the time of another row of the user", percent(found["tied_test"])],
        ["test rows with items in no other part", percent(found["never_seen"])],
        ["test users in no other part", percent(found["users_only_in_test"])],
        ["test items in no other part", percent(found["items_only_in_test"])],
    ]
    blocks = [table(["figure", "value"], rows)]
    if found["findings"]:
        blocks.append({"kind": "list", "caption": "Findings", "items": found["findings"]})
    suspects = found["suspicious"]
    if "not_possible" in suspects:
        return [*blocks, note(f"Suspicious users: {suspects['not_possible']}")]
    rows = [
        [row["user"], f"{row['suspicion']:.2f}", f"{row['rows']:,}", "; ".join(row["reasons"])]
        for row in suspects["users"]
    ]
    caption = (
        f"{suspects['flagged']:,} users ({percent(suspects['share'])}) are suspicious: where to "
        "look, not a verdict"
    )
    return [*blocks, table(["user", "suspicion", "rows", "why"], rows, caption)]


def accuracy(found: dict) -> list[dict]:
    blocks = []
    if found["test_trained_on"]:
        blocks.append(
            note(
                "The model was trained on the test interactions: its figures below are no "
                "measurements, those of the baselines are."
            )
        )
    for part, title in _PARTS.items():
        rows = found["tables"][part]
        if not rows:
            blocks.append(note(f"No test interaction: {title}."))
            continue
        metrics = [name for name in rows["model"] if name != "users"]
        caption = f"{title} ({rows['model']['users']:,})"
        if part == "short":
            caption += f", up to {found['longest_short']} training interactions"
        blocks.append(
            table(
                ["", *metrics],
                [[name, *(with_interval(row[m]) for m in metrics)] for name, row in rows.items()],
                caption,
            )
        )
    rows = [
        [name, f"{row['difference']:+.4f} ± {row['half_width']:.4f}", f"{row['p_value']:.2g}"]
        for name, row in found["against"].items()
        if row is not None
    ]
    caption = f"{found['metric']} of the model less that of each baseline, paired over users"
    return [*blocks, table(["baseline", "difference", "p"], rows, caption)]


def lists(found: dict) -> list[dict]:
    rows = [
        ["items that stand in a list", percent(found["coverage"])],
        ["places of items outside the most popular fifth", percent(found["long_tail_share"])],
        ["concentration (Gini)", number(found["gini"])],
        ["overlap of two users' lists", percent(found["between_users"])],
        [
            f"overlap after noise of {found['noise']:g} on {found['noise_on']}",
            percent(found["noise_overlap"]),
        ],
        ["overlap after one item less in the history", percent(found["removal_overlap"])],
    ]
    if found["serves_lists"]:
        rows += [
            ["served places with an item that the user has", percent(found["seen"])],
            ["served places with an item that is not in the file", percent(found["unknown"])],
        ]
    blocks = [table(["figure", "value"], rows)]
    if not found["serves_lists"]:
        blocks.append(
            note(
                f"The model only scores. By its scores alone {percent(found['seen_by_scores'])} of "
                "the places would be of items that the user has: whoever serves them has to leave "
                "these out, as the audit does."
            )
        )
    elif found["seen"]:
        blocks.append(
            note(
                f"The model lists items that the user has: {percent(found['seen'])} of the places."
            )
        )
    if "no_removal_overlap" in found:
        blocks.append(note(found["no_removal_overlap"]))
    return blocks


def evasion(found: dict) -> list[dict]:
    head = ["radius, of each vector's norm", *(f"{radius:g}" for radius in found["radii"])]
    rows = [
        ["noise" if kind == "random" else kind, *(percent(value) for value in losses)]
        for kind, losses in found["loss"].items()
    ]
    steps = ", ".join(f"{number(value)} after {n} steps" for n, value in found["by_steps"].items())
    return [
        table(head, rows, f"share of {found['metric']} lost, from {number(found['clean'])}"),
        note(f"PGD at {found['radius']:g}: {steps}. {_ending(found)}"),
    ]


def _ending(found: dict) -> str:
    """Whether the figures of PGD are those of the strongest attack of their kind."""
    if found["converged"]:
        return f"The attack converged: more steps change {percent(found['change'])} at most."
    if found["given_back"] < found["further_loss"]:
        return "The attack has not converged: the losses are lower bounds."
    return (
        f"More steps do less harm, by up to {percent(found['given_back'])} (FGSM counts as one "
        "step): the attack is not well set for this model, and the losses are lower bounds."
    )


def attacked(found: dict) -> str:
    """Who is attacked in the section `poisoning`, and by how many, in sentences."""
    profiles = found["profiles"]
    text = (
        f"{profiles} fake user{'s' * (profiles != 1)} of {found['fillers']} items each among "
        f"{found['users']:,} real ones push{'es' * (profiles == 1)} an item. "
        f"Attacked is {found['victim']}."
    )
    if found["victim_overlap"] is not None:
        text += (
            f" Its lists are {percent(found['victim_overlap'])} those of the model; with --fit the "
            "model itself is trained again."
        )
    return text


def poisoning(found: dict) -> list[dict]:
    if "no_lift" in found:
        return [note(found["no_lift"]), *_support(found["support"])]
    detectors = list(next(iter(found["kinds"].values()))["found"])
    rows = [
        [
            kind,
            f"{percent(row['hit_rate_before'])} → {percent(row['hit_rate_after'])}",
            f"{row['rank_before']:.0f} → {row['rank_after']:.0f}",
            percent(row["list_overlap"]),
            *(number(row["found"].get(detector)) for detector in detectors),
        ]
        for kind, row in found["kinds"].items()
    ]
    head = ["kind", "hit rate@10", "mean rank", "other lists kept", *detectors]
    items = ", ".join(
        f"{target} ({count} interactions)"
        for target, count in zip(found["targets"], found["target_counts"], strict=True)
    )
    text = f"{attacked(found)} Means over {items}."
    if found["left_out"]:
        text += f" {found['left_out']} kinds were left out, since a training takes long."
    if found["shift"]:
        text += f" {shift_in_words(found['shift'])}"
    if found["unfit"]:
        text += f" Left out, since it does not fit the data: {unfit_in_words(found['unfit'])}"
    text += " Detectors: average precision on the profiles for the first item."
    return [note(text), table(head, rows), *_support(found["support"])]


def _support(found: dict) -> list[dict]:
    """Evidence and influence: a row each that was measured, a note for what was left out."""
    titles = {
        "raters": f"with fewer than {found['few']:g} raters",
        "few": f"with fewer than {found['few']:g} independent raters (evidence)",
        "held": f"of whose mean score by EASE {found['group']} users hold {found['share']:.0%} or "
        "more (influence)",
    }
    rows = [
        [title, percent(found[f"{name}_catalogue"]), percent(found[f"{name}_places"])]
        for name, title in titles.items()
        if f"no_{name}" not in found
    ]
    head = ["items", "of the rated catalogue", "of list places"]
    about = (
        "Raters who share other items count together as fewer independent ones: where everybody "
        "shares the popular items, these have few, too. Influence is that on EASE, whatever model "
        "is audited."
    )
    blocks = [table(head, rows, "Items that a small group decides about"), note(about)]
    left_out = ("no_few", "no_held", "no_certificates")
    blocks += [note(found[key]) for key in left_out if key in found]
    return blocks + (_certificates(found["certificates"]) if "certificates" in found else [])


def _certificates(found: dict) -> list[dict]:
    """What an ensemble promises, with its cost."""
    head, *rows = certificates.rows_of(found)
    about = (
        f"A promise of another recommender, `advrec attack --defence {certificates.CERTIFIED}`, "
        "trained on all but the test part; the audited model has none. "
        + certificates.words_of(found).replace("*", "")
    )
    return [table(head, rows, "What fake users cannot change (certificates)"), note(about)]


def privacy(found: dict) -> list[dict]:
    blocks, member, column = [], found["membership"], found["attributes"]
    if "not_possible" in member:
        blocks.append(note(f"Membership inference: {member['not_possible']}"))
    else:
        rows = [
            ["area under the curve, by score", number(member["auc"])],
            [
                "the same among pairs that EASE scores alike, fitted without",
                number(member.get("calibrated_auc")),
            ],
            ["by EASE alone (the control)", number(member.get("control_auc"))],
            [
                f"trained pairs found at {FALSE_POSITIVES:.0%} false alarms, by score",
                percent(member["true_positives"]),
            ],
        ]
        caption = f"Membership inference on {member['pairs']:,} pairs of each kind"
        blocks.append(table(["attack", "value"], rows, caption))
    if "not_possible" in column:
        return [*blocks, note(f"User attributes: {column['not_possible']}")]
    rows = [
        [name, " / ".join(row["groups"]), number(row["auc"]), number(row["history_auc"])]
        for name, row in column["columns"].items()
    ]
    caption = "Area under the curve of a fresh classifier (0.5 is chance)"
    head = ["column", "groups", f"from {column['read']}", "from histories"]
    return [*blocks, table(head, rows, caption)]


def fairness(found: dict) -> list[dict]:
    rows = [
        [column, name, f"{group['users']:,}", with_interval(group["value"])]
        for column, row in found["columns"].items()
        for name, group in row["groups"].items()
    ]
    gaps = [
        [column, number(row["ratio"]), row["worst"], f"{row['p_value']:.3g}"]
        for column, row in found["columns"].items()
    ]
    blocks = [
        note(
            "Columns of users are judged. Users with long histories have fewer popular items left "
            "to find, so a gap by the length of the history is shown alone."
        ),
        table(["column", "group", "users", found["metric"]], rows),
        table(
            ["column", "worst over best", "worst", "p (permutation, Holm)"],
            gaps,
            "Gaps between groups",
        ),
    ]
    if not found["attributes"]:
        blocks.append(note("The users have no columns: --user-table gives them."))
    rows = [
        [name, percent(row["interactions"]), percent(row["lists"]), number(row["ratio"])]
        for name, row in sorted(found["categories"].items(), key=lambda pair: pair[1]["ratio"])
    ]
    text = "Exposure of items outside the most popular fifth over their share of interactions: "
    blocks.append(note(f"{text}{number(found['tail_exposure'])}."))
    if rows:
        head = ["category", "of interactions", "of list places", "ratio"]
        blocks.append(table(head, rows, "Exposure by category of items"))
    return blocks
