import gzip

import numpy as np
import pytest


@pytest.fixture
def shilling_root(tmp_path):
    """A folder with a small shilling set in the published layout: 80 users on 80 items."""
    rng = np.random.default_rng(0)
    chance = 1.0 / np.arange(1, 81)
    lines = [
        f"{u}\t{i}\t{rng.integers(1, 6)}.0"
        for u in range(80)
        for i in rng.choice(80, int(rng.integers(8, 20)), False, p=chance / chance.sum())
    ]
    folder = tmp_path / "data" / "shilling" / "filmTrust"
    folder.mkdir(parents=True)
    (folder / "filmTrust_train.dat.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (folder / "filmTrust_test.dat").write_text("0\t79\t3.0\n")
    (folder / "filmTrust_selected_items").write_text("60\t0,1\n70\t0,2\n")
    return tmp_path / "data"
