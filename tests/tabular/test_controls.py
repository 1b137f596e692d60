def test_a_bootstrap_has_the_pairs_and_independent_marginals_have_not(controls):
    for name, together in (("bootstrap", True), ("marginals", False)):
        rows = controls[name].generate(1000)
        agree = ((rows["value"] > 0) == (rows["group"] == "right")).mean()
        assert (agree > 0.95) if together else (0.4 < agree < 0.6)
