import types

from advrec_tf.commands import text
from advrec_tf.text import litert


def test_a_litert_export_is_reported_with_its_price_over_at_most_a_hundred_texts(
    monkeypatch, tmp_path
):
    report = litert.LiteRTReport(bytes=2, float32_bytes=8, texts=100, cosine=0.99, least_cosine=0.9)
    given = []

    def export(tower, folder, *, texts):
        given.append((tower, len(texts)))
        return folder / "1"

    monkeypatch.setattr(litert, "export_litert", export)
    monkeypatch.setattr(litert, "read_report", lambda path: report)
    found = types.SimpleNamespace(tower="the tower")
    said = text._litert(found, ["a"] * 300, tmp_path)
    assert given == [("the tower", 100)]
    assert said == {"path": str(tmp_path / "1"), "quantization": report.as_dict()}
