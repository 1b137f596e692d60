import sys

import pytest

from advrec_tf.ops.extras import require_sklearn


def test_a_package_that_is_not_installed_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(ImportError, match="This detector needs scikit-learn.*--extras analysis"):
        require_sklearn("This detector needs")
