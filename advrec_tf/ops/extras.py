"""Packages that are extras of the installation, asked for where they are needed."""

from __future__ import annotations


def require_sklearn(asked_by: str):
    """The package scikit-learn.

    Args:
        asked_by: the beginning of the message, such as "This detector needs".

    Raises:
        ImportError: if it is not installed; the message says how to install it.
    """
    try:
        import sklearn.cluster
        import sklearn.ensemble
        import sklearn.tree
    except ImportError as error:
        raise ImportError(
            f"{asked_by} scikit-learn, the extra `analysis`: "
            "bash scripts/install.sh --extras analysis."
        ) from error
    return sklearn
