from experiments.cold_start.entries import SCENARIOS


def test_every_entry_has_its_ablation_and_its_control_in_the_same_scenario():
    for name, entries in SCENARIOS.items():
        for label, entry in entries.items():
            for other in (entry.ablation, entry.control):
                assert other is None or other in entries, (name, label)


def test_a_hardened_tower_and_its_noise_control_share_their_space_and_ablation():
    entries = SCENARIOS["items"]
    for label in ("text tower, FGSM", "text + attribute tower, FGSM"):
        control = entries[entries[label].control]
        assert control.space == entries[label].space
        assert control.ablation == entries[label].ablation == label.removesuffix(", FGSM")
