import pytest

from advrec_tf.pipelines.audit.settings import AuditSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("k_core", -1),
        ("seed", -1),
        ("max_users", 5),
        ("radii", ()),
        ("radii", (0.1, 0.0)),
        ("profiles", 0),
        ("targets", 0),
        ("certify", -1),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` should be"):
        AuditSettings(**{name: value})


def test_settings_are_plain_types():
    assert AuditSettings(radii=(0.1,)).as_dict()["radii"] == (0.1,)
