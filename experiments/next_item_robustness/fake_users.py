"""Training on fake users who promote items, with what was trained without them beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.pipelines.next_item_attack import defences
from advrec_tf.pipelines.next_item_attack.promotion import (
    ADAPTIVE,
    attack_of,
    poisoned_training,
    usual_length,
)
from advrec_tf.pipelines.stages import StageResult, slug
from experiments.next_item_robustness import rows
from experiments.next_item_robustness.rows import PLAIN
from experiments.next_item_robustness.study import Robustness

FAKE_USERS = 0.05
"""Of the real ones, for all targets together."""

CO_VISITATION = "co-visitation"
CELLS = (
    (defences.NONE, defences.NONE),
    (CO_VISITATION, defences.NONE),
    (CO_VISITATION, defences.REMOVAL),
    (ADAPTIVE, defences.REMOVAL),
)
"""Attack and defence; the adaptive attacker knows the detector."""

ATTACKS = (CO_VISITATION, ADAPTIVE)


@dataclasses.dataclass(frozen=True, eq=False)
class Promotion:
    """What is trained and measured; every cell is a stage of the study.

    Args:
        study: of one seed.
    """

    study: Robustness

    def cells(self, labels: Sequence[str], attacks: Sequence[str] = ATTACKS) -> list[dict]:
        """A record for each model of `labels`, attack and defence: `target_hit_rate`, `ndcg`, and
        what the detector found; first those without an attack."""
        return [
            self._cell(label, attack, defence)
            for label in labels
            for attack, defence in CELLS
            if attack in (defences.NONE, *attacks)
        ]

    def _cell(self, label: str, attack: str, defence: str) -> dict:
        study = self.study

        def measure(_):
            data, about = self._data(attack)
            if defence == defences.REMOVAL:
                data = defences.without_suspicious(data, study.detector)
            model = self.fitted(label, data)
            standing = study.audience.standing(model)
            if label == PLAIN and defence == defences.NONE:
                after = study.audience.standing(defences.smoothed(model))
                standing |= {f"{name}, smoothed": value for name, value in after.items()}
            study.log(f"{label}, {attack}, {defence}, seed {study.seed}: {standing} {about}")
            return StageResult({**standing, **about}, {})

        name = f"promote-{slug(label)}-{slug(attack)}-{slug(defence)}-{study.seed}"
        summary = study.store.run(name, measure).summary
        return {"model": label, "attack": attack, "defence": defence, **summary}

    def _data(self, attack: str) -> tuple[Interactions, dict]:
        """What is learned from, and what the detector makes of the fake users in it."""
        study, train = self.study, self.study.split.train
        if attack == defences.NONE:
            return train, {}
        fakes = attack_of(
            attack,
            max(1, round(FAKE_USERS * train.num_users)),
            usual_length(train, study.size.length),
            study.detector,
        )
        return poisoned_training(
            train,
            fakes,
            study.audience.targets,
            detectors={"transition surprise": study.detector},
            most=train.num_users,
            seed=study.seed,
        )

    def fitted(self, label: str, data: Interactions):
        """Trained on poisoned data for as many epochs as validation chose on clean ones."""
        if label == rows.TRANSITIONS:
            return Transitions().fit(data)
        network, summary = self.study.trained(label)
        if data is self.study.split.train:
            return network
        wrap = rows.training_of(label, data)(None)
        epochs = max(1, summary["epochs"])
        return self.study.recipe.train(data, seed=self.study.seed, wrap=wrap, epochs=epochs).model
