"""What the generated inputs of all readers share: odd texts, and what counts as an answer."""

ANNOUNCED = (ValueError, FileNotFoundError)  # DataError is a ValueError

IDS = ["a", "b", "c", "user 7", "é", "名前", "0012", "x;y", "it's", "🙂", "-", "1e3", "A|B", "#1"]
ODD = ["", " ", "NaN", "null", '"', '""', "\t", ",", "\0", "\ufeff", "\r", "1_0", "１", "inf", "-1"]


def answers_or_refuses(call):
    """What the call returns, or None after one of the announced errors, which speaks."""
    try:
        return call()
    except ANNOUNCED as error:
        assert len(str(error)) > 20, repr(error)
        assert len(str(error)) < 3000, "a message that nobody reads to its end"
        assert not isinstance(error, UnicodeError), repr(error)
        assert "digits) for integer string" not in str(error), repr(error)  # Python's own words
        return None


def with_damage(rng, text: str) -> str:
    """The text with something odd put into it, or a character taken out."""
    at = int(rng.integers(len(text)))
    if rng.random() < 0.3:
        return text[:at] + text[at + 1 :]
    return text[:at] + str(rng.choice([*ODD, "9" * 5000])) + text[at:]
