"""`advrec attack`: one attack on one recommender, or every attack on a trained next-item model."""

from __future__ import annotations

from pathlib import Path

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Count, Names
from advrec_tf.commands.configuration import OPTIONS
from advrec_tf.commands.sources import Source
from advrec_tf.commands.table_formats import TableFormat
from advrec_tf.pipelines.progress import LOG


def attack(
    *,
    data: str | None = None,
    columns: TableFormat = TableFormat(),
    run_dir: Path | None = None,
    victim: str | None = None,
    attack: str | None = None,
    defence: str | None = None,
    targets: str | None = None,
    items: Names = (),
    per_group: Count = 5,
    size: float | None = None,
    fillers: Count | None = None,
    seeds: Count | None = None,
    edits: tuple[int, ...] = (),
    max_users: Count | None = None,
    certify: int = 0,
    verified_share: float | None = None,
    out: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    list_names: bool = False,
) -> None:
    """Attack one recommender, defend it, and measure both.

    `advrec attack --data ml100k`

    `advrec attack --data ml100k --victim biased_mf --attack segment --defence none`

    `advrec attack --data events.csv --rating-column stars --victim mf_bpr --attack revadv
    --defence APR --items B00042 B00107`

    `advrec attack --data ml100k --victim ease --certify 3000 --out runs/certified`

    `advrec attack --run-dir runs/mine --out runs/attacked`

    Each target of the group is attacked alone. The report says what its score rests on: its raters,
    how many independent ones they are worth, and how far the fake users move it.

    With --run-dir the next-item model that `advrec train --model sasrec ...` left in a folder is
    attacked, by all that there is unless --attack names one: items of histories exchanged, put in
    or taken out (substitute, insert, delete), each at random, by greedy search and by gradient; and
    fake users (co-visitation, transitions, flooding, and camouflage, which knows the detector),
    for each of which the model is trained four times. The report has curves of NDCG@10 and of the
    users who are shown a target against the budget, for every defence. A user's history and
    --data are those of the run.

    Args:
        data: A published shilling set such as ml100k or filmTrust (found through the environment
            variable ADVREC_DATA), the word synthetic, a MovieLens folder or a table file. With
            --run-dir it is where the file of that run is now; by default where it was.
        run_dir: The folder of a finished `advrec train` of a next-item model, to attack that.
        victim: The recommender that is attacked. By default ease; biased_mf is the one that papers
            attack.
        attack: The attack. By default average; with --run-dir all.
        defence: The defence. By default coherence-weights+level-counts, or coherence-weights alone
            for a victim that level-counts is not for; with --run-dir all: smoothing, purification,
            removal.
        targets: The group of targets: published, popular, mid or tail. By default it is the first
            that the data have; with --run-dir mid.
        items: Attack the items with these ids, as they stand in the data, in the place of a group.
        per_group: The number of targets in a group.
        size: The number of fake profiles per real user. By default 0.05. With --run-dir a fifth of
            it is tried as well.
        fillers: The number of items that a fake profile rates beside its target. By default it is
            the published number, or what the mean user rates.
        seeds: The number of repetitions. By default 1.
        edits: With --run-dir, the numbers of edits of a history. By default 1 2 5 10. None is more
            than the items that the model reads.
        max_users: With --run-dir, the number of users who are asked for, drawn at random. By
            default 300.
        certify: The number of models of EASE, each on ten random users, whose votes are certified
            against any number of fake users. By default 0: no certificates. The more models, the
            tighter the bounds. Each model scores all users: 3,000 take about 20 seconds on 780
            users and 721 items, and more in proportion to models, users and items; the memory is
            that of several tables of users x items. Beside it stands what bounds by verified users
            (--verified-share) promise.
        verified_share: The share of the real users, drawn at random, who are known to be real by
            the defences that ask for some (verified-counts, verified-bounds) and by --certify; no
            fake user is. By default 0.2.
        out: The folder for the measures, attack.json, and a page, attack.md; with --run-dir for
            plots as well, without it for the stages that --resume goes on from.
        resume: Go on with the run in --out: what was measured is not measured again. The report of
            an attack with other settings is replaced only with --overwrite as well.
        overwrite: Replace the measures in --out, and without --resume the run that made them.
        list_names: Print the names of all attacks, victims and defences.
    """
    if list_names:
        _print_names()
        return
    if data is None and run_dir is None:
        raise ValueError(
            "`--data` or `--run-dir` should be given; `--list-names` shows what there is to choose."
        )
    path = None if out is None else out / "attack.json"
    if path is not None:
        from advrec_tf.ops.files import check_output

        runs.check_writable("--out", out)
        replace = overwrite or resume
        if path.is_file() and not replace:
            ways = "--overwrite measures anew"
            if run_dir is None:
                ways = f"--resume goes on with the attack it is of, {ways}"
            raise FileExistsError(
                f"`--out` should be a folder without the report of an attack: {ways}. "
                f"Received: {out}, which holds {path.name}."
            )
        for written in (path, path.with_suffix(".md")):
            check_output(written, overwrite=replace, inputs=[data], name="--out")
    of_a_run = {"edits": edits or None, "max_users": max_users}
    of_a_victim = {"victim": victim, "fillers": fillers, "seeds": seeds, **columns.given()}
    of_a_victim |= {"certify": certify or None, "resume": resume or None}
    of_a_victim["verified_share"] = verified_share
    if run_dir is not None:
        _refuse(of_a_victim, "left out beside --run-dir")
        given = {
            "attack": attack,
            "defence": defence,
            "group": targets,
            "own_targets": items,
            "per_group": per_group,
            "size": size,
            **of_a_run,
        }
        _attack_run(run_dir, data, out, {k: v for k, v in given.items() if v is not None})
        return
    assert data is not None
    _refuse(of_a_run, "given beside --run-dir alone")
    if resume and out is None:
        raise ValueError("`--resume` should be given beside --out. Received no --out.")
    from advrec_tf.pipelines.attack import job
    from advrec_tf.pipelines.ending import hold

    if out is not None:
        hold(out, resume=resume, say=LOG.info)
    job.run(
        data,
        attack=attack or "average",
        victim=victim or "ease",
        defence=defence,
        group=targets,
        own_targets=items,
        per_group=per_group,
        size=size,
        fillers=fillers,
        seeds=seeds or 1,
        certify=certify,
        verified_share=verified_share,
        out=path,
        run_dir=out,
        resume=resume,
        overwrite=overwrite,
        **columns.given(),
    )


def _refuse(options: dict, rule: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"`{name}` should be {rule}. Received: {value!r}.")


def _attack_run(run_dir: Path, data: str | None, out: Path | None, settings: dict) -> None:
    from advrec_tf.pipelines.next_item_attack import job, opening, page

    record = opening.record_of(run_dir)
    job.check(length=opening.length_of(record), **settings)
    options = dict(record.get(OPTIONS) or {})
    if data is not None:
        options["data"] = data
    loaded = Source.of_options(options).load(seed=record["settings"]["seed"])
    LOG.info(loaded.report)
    trained = opening.open_trained(run_dir, record, loaded)
    LOG.info(f"model        {trained.name}, {trained.epochs} epochs")
    report = job.run(trained, out=out, **settings)
    print("\n".join(page.lines_of(report)))
    if out is not None:
        print(f"\npage         {out / job.PAGE}\nreport       {out / job.FIGURES}")


def _print_names() -> None:
    from advrec_tf.attacks.registry import ATTACKS
    from advrec_tf.attacks.victims import VICTIMS
    from advrec_tf.defence.registry import DEFENCES
    from advrec_tf.pipelines.attack.cell import KNOWING
    from advrec_tf.pipelines.next_item_attack import defences, job

    for title, names in (
        ("attacks", ("none", *ATTACKS, *KNOWING)),
        ("victims", VICTIMS),
        ("defences", DEFENCES),
        ("attacks with --run-dir", (job.ALL, *job.ATTACKS)),
        ("defences with --run-dir", (job.ALL, *defences.DEFENCES)),
    ):
        print(f"{title}: {', '.join(names)}")
