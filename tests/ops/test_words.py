from advrec_tf.ops.words import counted, enumerated


def test_a_noun_takes_an_s_unless_there_is_one():
    assert [counted(n, "user") for n in (0, 1, 2, 1500)] == [
        "0 users",
        "1 user",
        "2 users",
        "1,500 users",
    ]


def test_words_are_enumerated_with_commas_and_one_conjunction():
    assert enumerated([1, 2, 10, 15], "or") == "1, 2, 10 or 15"
    assert enumerated(["a", "b"]) == "a and b" and enumerated(["a"], "or") == "a"
