"""`advrec tune`: the settings of one model for one's own data."""

from __future__ import annotations

from advrec_tf.commands import configuration
from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Count, Run, SingleModel
from advrec_tf.commands.sources import Source
from advrec_tf.pipelines.recommend.single_settings import SingleSettings


def tune(
    *,
    source: Source,
    run: Run,
    settings: SingleModel = SingleSettings(),
    trials: Count = 20,
) -> None:
    """Search the settings of one model for your data, on validation.

    `advrec tune --data events.csv --out runs/tune --trials 30`

    `advrec train --data events.csv --out runs/tuned --config runs/tune/best.json`

    Dimension, learning rate, batch size, temperature or dropout, and the radius of the adversary
    are searched by Optuna (the extra `search`), beginning with the settings as they are given.
    Trials that fall behind end early. With --resume and more --trials a search goes on. The test
    part is never read. TensorBoard's tab HParams shows the trials.

    Args:
        trials: The number of trials in all.
    """
    prepared, identity, store = runs.begin(
        run, source, settings, job="tune", options={"trials": trials}
    )
    from advrec_tf.pipelines.recommend import tuning

    store.claim()
    found = tuning.run(prepared, settings, run.out, trials=trials, identity=identity)
    counted = ", ".join(f"{count} {state}" for state, count in sorted(found.trials.items()))
    print(f"\n{counted}. The best has NDCG@10 {found.value:.4f} on validation", end="")
    print("." if found.default is None else f", the given settings {found.default:.4f}.")
    print(f"settings     {found.path}")
    words = configuration.words({**configuration.given(source), "config": found.path})
    print(f"next         advrec train {words} --out FOLDER")
