"""The exported recommender of three users and its server, see `tests.serving.conftest`."""

from tests.serving.conftest import local, no_proxy, recommender, server, version

__all__ = ["local", "no_proxy", "recommender", "server", "version"]
