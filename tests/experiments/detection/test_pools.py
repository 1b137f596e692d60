from advrec_tf.data.readers.shilling import load_shilling
from experiments.detection import pools


def test_halves_share_no_user_and_pools_inject_at_the_base_rate(shilling_root):
    data = load_shilling("filmTrust", shilling_root).split.train
    half = pools.halves(data, seed=0)
    fitted, tested = half.fitted.user_counts() > 0, half.tested.user_counts() > 0
    assert not (fitted & tested).any() and (fitted | tested).sum() == 80
    profiles = pools.tested_profiles(
        half.tested, "average", known=data, target=60, fillers=10, fraction=0.1, seed=0
    )
    pool = pools.tested_pool(half.tested, profiles, "average", target=60, seed=0)
    assert pool.is_fake.sum() == 4 and pool.targets.tolist() == [60]  # 10 % of 40 users
    pool = pools.fitting_pool(half.fitted, pools.GROUPS[0], seed=0)
    assert pool.is_fake.sum() == 4 * 3 * pools.TRAIN_PROFILES


def test_attacks_of_the_two_groups_are_all_different():
    assert not set(pools.GROUPS[0]) & set(pools.GROUPS[1])
    assert not set(pools.LEARNED) & {*pools.GROUPS[0], *pools.GROUPS[1]}
