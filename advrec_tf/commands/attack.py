"""`advrec attack`: one attack on one recommender, with or without a defence."""

from __future__ import annotations

from pathlib import Path

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Count, Names, TableFormat


def attack(
    *,
    data: str | None = None,
    columns: TableFormat = TableFormat(),
    victim: str = "biased_mf",
    attack: str = "average",
    defence: str = "none",
    targets: str | None = None,
    items: Names = (),
    per_group: Count = 5,
    size: float = 0.05,
    fillers: Count | None = None,
    seeds: Count = 1,
    out: Path | None = None,
    overwrite: bool = False,
    list_names: bool = False,
) -> None:
    """Attack one recommender, defend it, and measure both.

    `advrec attack --data ml100k --victim biased_mf --attack segment`

    `advrec attack --data events.csv --rating-column stars --victim mf_bpr --attack revadv
    --defence APR --items B00042 B00107`

    Each target of the group is attacked alone.

    Args:
        data: A published shilling set such as ml100k or filmTrust (found through the environment
            variable ADVREC_DATA), the word synthetic, a MovieLens folder or a table file.
        victim: The recommender that is attacked.
        attack: The attack.
        defence: The defence.
        targets: The group of targets: published, popular, mid or tail. By default it is the first
            that the data have.
        items: Attack the items with these ids, as they stand in the data.
        per_group: The number of targets in a group.
        size: The number of fake profiles per real user.
        fillers: The number of items that a fake profile rates beside its target. By default it is
            the published number, or what the mean user rates.
        seeds: The number of repetitions.
        out: The folder for the measures, attack.json.
        overwrite: Replace the measures in --out where they exist.
        list_names: Print the names of all attacks, victims and defences.
    """
    if list_names:
        _print_names()
        return
    if data is None:
        raise ValueError("`--data` should be given; `--list-names` shows what there is to choose.")
    path = None if out is None else out / "attack.json"
    if path is not None:
        from advrec_tf.ops.files import check_output

        runs.check_writable("--out", out)
        check_output(path, overwrite=overwrite, inputs=[data], name="--out")

    from advrec_tf.pipelines.attack import job

    job.run(
        data,
        attack=attack,
        victim=victim,
        defence=defence,
        group=targets,
        own_targets=items,
        per_group=per_group,
        size=size,
        fillers=fillers,
        seeds=seeds,
        out=path,
        overwrite=overwrite,
        **columns.given(),
    )


def _print_names() -> None:
    from advrec_tf.attacks.registry import ATTACKS
    from advrec_tf.attacks.victims import VICTIMS
    from advrec_tf.defence.registry import DEFENCES

    for title, names in (
        ("attacks", ("none", *ATTACKS, "adaptive")),
        ("victims", VICTIMS),
        ("defences", DEFENCES),
    ):
        print(f"{title}: {', '.join(names)}")
