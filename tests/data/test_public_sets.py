import pytest

from advrec_tf.commands.data import options_of
from advrec_tf.data.public_sets import PUBLIC_SETS


@pytest.mark.parametrize("one", PUBLIC_SETS.values(), ids=lambda one: one.name)
def test_a_public_set_has_a_secure_address_terms_and_the_options_that_read_it(one):
    assert one.url.startswith("https://") and one.url.endswith((".zip", ".gz"))
    assert one.checksum_url in (None, f"{one.url}.md5")
    assert len(one.licence) > 40 and one.good_for.endswith(".")
    assert one.options["data"]


def test_the_options_are_words_of_a_command_line(tmp_path):
    words = options_of(PUBLIC_SETS["ml-20m"], tmp_path)
    assert words[:4] == ["--data", str(tmp_path / "ratings.csv"), "--user-column", "userId"]
    assert words[words.index("--item-table") + 1] == str(tmp_path / "movies.csv")
    words = options_of(PUBLIC_SETS["gowalla"], tmp_path)
    at = words.index("--column-names")
    assert words[at + 1 : at + 6] == ["user_id", "time", "latitude", "longitude", "item_id"]
