"""The checks of an audit as data: threshold, threat model and remedy of every verdict.

A threshold is a convention to argue about, not a law: it says from where on somebody should look.
`docs/guides/audit.md` states the same, held by a test. Judging is left to `verdicts`.
"""

from __future__ import annotations

import dataclasses

SECTIONS = {
    "data": "Nobody attacks: files repeat rows, splits tell the future, and some users are no "
    "people.",
    "accuracy": "Nobody attacks: a model should be worth more than what costs nothing, for users "
    "with short histories too, on interactions that it has not seen.",
    "lists": "Nobody attacks: lists should be of new items, differ between users, and not change "
    "under little noise.",
    "evasion": "An attacker moves every user and item vector by a part of its norm, knows the "
    "model and its training data, and wants the lists of all users to be wrong (white box).",
    "poisoning": "An attacker registers fake users before the next training, knows the ratings of "
    "the file but not the model, and wants one item in the lists of real users.",
    "privacy": "An attacker reads scores, or vectors, and wants to know what a user has interacted "
    "with, or what a user is.",
    "fairness": "Nobody attacks: groups of users should be served alike, and items outside the "
    "most popular fifth be shown as they are wanted.",
}
"""Section -> the threat model that its figures are for."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One line of the verdict.

    Attributes:
        name: `section.short_name`.
        title: what is judged.
        path: where the value stands in the sections, with dots.
        side: "at most" or "at least".
        threshold: of the value.
        threat: whom or what it is about, in one sentence.
        remedy: what to do where it fails, with the command.
    """

    name: str
    title: str
    path: str
    side: str
    threshold: float
    threat: str
    remedy: str

    @property
    def section(self) -> str:
        return self.name.split(".")[0]


CHECKS: tuple[Check, ...] = (
    Check(
        "data.repeats",
        "share of rows that repeat an earlier pair of user and item",
        "data.repeated_pairs",
        "at most",
        0.01,
        "A row that was written twice counts twice, and may be trained on and tested.",
        "Find what writes them; `advrec train` keeps the last row of each pair.",
    ),
    Check(
        "data.future",
        "share of test interactions older than an item of the training part",
        "data.future",
        "at most",
        0.05,
        "A model that is trained on later events than it is tested on knows the future.",
        "Compare models on `advrec train --split global_time`, which trains on the past alone.",
    ),
    Check(
        "data.ties",
        "share of test interactions at the time of another one of the user",
        "data.tied_test",
        "at most",
        0.05,
        "Which of several items at one time is tested is up to a rule (--ties), not to time.",
        "Record finer times, or compare on `advrec train --split last_day`, which needs no order.",
    ),
    Check(
        "data.new_users",
        "share of test users that are in no other part",
        "data.users_only_in_test",
        "at most",
        0.1,
        "Of a user without a history every model can only say what is popular.",
        "Leave users out that have too little: `advrec train --k-core 3`.",
    ),
    Check(
        "data.new_items",
        "share of test items that are in no other part",
        "data.items_only_in_test",
        "at most",
        0.1,
        "An item without an interaction cannot be found by its id.",
        "Give the model item features: `advrec train --item-table FILE --use-features`.",
    ),
    Check(
        "data.suspicious",
        "share of users that look fake",
        "data.suspicious.share",
        "at most",
        0.03,
        "Somebody may have injected profiles into the file already.",
        "Read the list with its reasons: `advrec fraud --data FILE --out FOLDER`.",
    ),
    Check(
        "accuracy.held_out",
        "share of the test interactions that the model was trained on",
        "accuracy.test_trained_on",
        "at most",
        0.0,
        "A model that was trained on the test interactions is not measured by them.",
        "Audit a model of `advrec train --no-refit`, or newer interactions.",
    ),
    Check(
        "accuracy.believable",
        "NDCG@10 over that of the best baseline",
        "accuracy.over_best_baseline",
        "at most",
        2.0,
        "A model far above EASE has more likely seen the answers than found a secret.",
        "Train it on the training part alone: `advrec train --no-refit`.",
    ),
    Check(
        "accuracy.popularity",
        "gain in NDCG@10 over popularity, lower end of its 95 % interval",
        "accuracy.over_popularity_low",
        "at least",
        0.0,
        "A model that is no better than the popular list costs more than it brings.",
        "Train and compare all models: `advrec compare --data FILE --out FOLDER`.",
    ),
    Check(
        "accuracy.ease",
        "gain in NDCG@10 over EASE, upper end of its 95 % interval",
        "accuracy.over_ease_high",
        "at least",
        0.0,
        "A model that a closed form beats is not trained, or not the right one.",
        "Train and compare all models: `advrec compare --data FILE --out FOLDER`.",
    ),
    Check(
        "accuracy.short_histories",
        "the same over popularity for the fifth with the shortest histories, upper end",
        "accuracy.short_over_popularity_high",
        "at least",
        0.0,
        "New users decide whether they stay by lists made of little.",
        "Serve them with a popularity prior: `advrec train --prior-max-history 20`.",
    ),
    Check(
        "lists.seen",
        "share of served places with an item that the user has",
        "lists.seen",
        "at most",
        0.0,
        "A list of what the user has already is empty in all but looks.",
        "Mask them: `advrec export` does, an index of TFRS by `query_with_exclusions`.",
    ),
    Check(
        "lists.unknown",
        "share of served places with an item that the file does not have",
        "lists.unknown",
        "at most",
        0.0,
        "The model lists items of another catalogue, or of another day.",
        "Train on the current file: `advrec train --data FILE --export FOLDER`.",
    ),
    Check(
        "lists.coverage",
        "share of the items that stand in at least one list",
        "lists.coverage",
        "at least",
        0.1,
        "What is never shown cannot be chosen, and the next training learns that it is not wanted.",
        "Compare models by coverage@10: `advrec compare --data FILE --out FOLDER`.",
    ),
    Check(
        "lists.alike",
        "mean overlap of the lists of two users",
        "lists.between_users",
        "at most",
        0.5,
        "Lists that are the same for all are the popular list at the price of a model.",
        "Compare with popularity: `advrec compare --data FILE --out FOLDER`.",
    ),
    Check(
        "lists.noise",
        "overlap of a list with the same after noise of a twentieth",
        "lists.noise_overlap",
        "at least",
        0.7,
        "Lists that small noise changes depend on rounding, precision and the seed.",
        "Train against perturbations: `advrec train --adversary fgsm`.",
    ),
    Check(
        "lists.removal",
        "overlap of a list with the same after one item less in the history",
        "lists.removal_overlap",
        "at least",
        0.6,
        "One click, also a mistaken one, should not turn a list over.",
        "Hide more of each profile in training, or train against perturbations: `advrec train "
        "--adversary pgd`.",
    ),
    Check(
        "evasion.loss",
        "share of NDCG@10 lost to the stronger of FGSM and PGD at a tenth of the norm",
        "evasion.loss_at_radius",
        "at most",
        0.3,
        "White box: vectors are moved against the gradient, by a tenth of their norm each.",
        "Train against it: `advrec train --adversary pgd --epsilon 0.1`.",
    ),
    Check(
        "evasion.noise",
        "share of NDCG@10 lost to random noise of the same size (the control)",
        "evasion.noise_at_radius",
        "at most",
        0.1,
        "No attacker: what compression and rounding of this size would cost.",
        "Train with noise: `advrec train --adversary noise`.",
    ),
    Check(
        "evasion.converged",
        "share of NDCG@10 that more steps take or give back (FGSM counts as one step)",
        "evasion.change",
        "at most",
        0.05,
        "An attack that has not converged, or harms less with more steps, says less than a patient "
        "attacker would do.",
        "Take the loss above for a lower bound; smaller radii converge sooner: `--radii 0.05`.",
    ),
    Check(
        "poisoning.lift",
        "gain in the target's hit rate@10 by the strongest kind of fake profiles",
        "poisoning.lift",
        "at most",
        0.05,
        "Black box: fake users before the next training push one item.",
        "Try defences: `advrec attack --data FILE --attack bandwagon --defence "
        "remove-suspicious-by-overlap`.",
    ),
    Check(
        "poisoning.found",
        "average precision of the better detector on the kind that is found least",
        "poisoning.found_least",
        "at least",
        0.5,
        "Fake users that nobody finds stay in the data, and in every training to come.",
        "Name known fakes to teach a detector: `advrec fraud --data FILE --labels LABELS`.",
    ),
    Check(
        "privacy.membership",
        "area under the curve of telling trained pairs from like ones that were held out",
        "privacy.membership.leak",
        "at most",
        0.7,
        "Whoever reads scores asks whether a user has interacted with an item.",
        "Serve lists without scores, train for fewer epochs, or `advrec train --adversary fgsm`.",
    ),
    Check(
        "privacy.attributes",
        "area under the curve of reading the best readable column of users",
        "privacy.attributes.leak",
        "at most",
        0.7,
        "Whoever gets user vectors asks what the users are.",
        "Serve lists, not vectors: `advrec recommend`; keep the folder of the run private.",
    ),
    Check(
        "fairness.groups",
        "NDCG@10 of the worst over that of the best group of a column, if more than chance",
        "fairness.worst_ratio",
        "at least",
        0.8,
        "A group of users is served worse than another (the four-fifths rule).",
        "See whether another model serves it better: `advrec compare --data FILE --out FOLDER`.",
    ),
    Check(
        "fairness.exposure",
        "share of list places of less popular items over their share of interactions",
        "fairness.tail_exposure",
        "at least",
        0.5,
        "Items outside the most popular fifth are shown less than they are wanted.",
        "Compare models by long_tail_share@10: `advrec compare --data FILE --out FOLDER`.",
    ),
)
