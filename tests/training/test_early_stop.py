import types

import pytest

from advrec_tf.training.early_stop import EarlyStop, RankingValidation
from tests.training.counter import Counter


class Scripted:
    """An evaluator whose metric follows a list, call by call."""

    def __init__(self, *values):
        self.values = list(values)

    def evaluate(self, model):
        return types.SimpleNamespace(metrics={"ndcg@10": self.values.pop(0), "mrr": 0.5})


def run(validation, epochs, first=0):
    """Epochs until the validation stops the model; (model, epochs run, logs)."""
    model, logs = Counter(), []
    validation.set_model(model)
    for epoch in range(first, epochs):
        model.weight = epoch + 1
        logs.append({"loss": 1.0})
        validation.on_epoch_end(epoch, logs[-1])
        if model.stop_training:
            break
    validation.on_train_end()
    return model, epoch + 1, logs


def test_training_stops_after_patience_and_the_best_epoch_comes_back():
    # best at epoch 2; 3 and 4 are no better (a tie is not)
    validation = RankingValidation(Scripted(0.1, 0.3, 0.2, 0.3, 0.9), patience=2)
    model, epochs, _ = run(validation, epochs=5)
    assert epochs == 4 and model.weight == 4
    validation.restore_best()
    assert model.weight == 2
    assert (validation.best, validation.best_epoch) == (0.3, 2)


def test_the_best_weights_come_back_at_the_end_where_asked_for():
    asked = RankingValidation(Scripted(0.1, 0.3, 0.2), patience=5, restore_best_weights=True)
    assert run(asked, epochs=3)[0].weight == 2
    assert run(RankingValidation(Scripted(0.1, 0.3, 0.2), patience=5), epochs=3)[0].weight == 3


def test_what_is_ranked_may_be_another_than_the_model_that_is_trained():
    ranked = []

    class Evaluator(Scripted):
        def evaluate(self, model):
            ranked.append(model)
            return super().evaluate(model)

    model, *_ = run(RankingValidation(Evaluator(0.1)), epochs=1)
    run(RankingValidation(Evaluator(0.1), recommender="towers"), epochs=1)
    assert ranked == [model, "towers"]


def test_a_better_epoch_renews_the_patience():
    validation = RankingValidation(Scripted(0.1, 0.0, 0.2, 0.0, 0.3, 0.0), patience=2)
    assert run(validation, epochs=6)[1] == 6 and validation.best_epoch == 5


def test_validation_every_so_many_epochs_counts_its_patience_in_them():
    # evaluated after 2, 4, 6: no better at 4 and 6
    validation = RankingValidation(Scripted(0.3, 0.2, 0.2, 0.9), patience=2, every=2)
    _, epochs, logs = run(validation, epochs=8)
    assert epochs == 6 and validation.best_epoch == 2
    assert ["val_ndcg@10" in log for log in logs] == [False, True] * 3


def test_the_metrics_join_the_logs_of_the_epoch():
    _, _, logs = run(RankingValidation(Scripted(0.25)), epochs=1)
    assert logs == [{"loss": 1.0, "val_ndcg@10": 0.25, "val_mrr": 0.5}]


def test_an_unknown_metric_to_monitor_is_refused_with_those_there_are():
    validation = RankingValidation(Scripted(0.1), monitor="auc")
    with pytest.raises(ValueError, match=r"`monitor` should be one of .'mrr', 'ndcg@10'.*'auc'"):
        run(validation, epochs=1)


def test_nothing_is_restored_before_the_first_validation():
    validation = RankingValidation(Scripted(), every=5)
    model, _, _ = run(validation, epochs=1)
    validation.restore_best()
    assert model.weight == 1


def test_what_is_always_noted_replaces_a_better_epoch():
    stop, model = EarlyStop(patience=1), Counter()
    stop.set_model(model)
    for epoch, value in enumerate((0.5, 0.1), 1):
        model.weight = epoch
        stop.note(value, epoch, always=True)
    stop.restore_best()
    assert (model.weight, stop.best, stop.best_epoch) == (2, 0.1, 2)


@pytest.mark.parametrize("settings", [{"patience": 0}, {"patience": 1, "every": 0}])
def test_no_patience_is_refused(settings):
    with pytest.raises(ValueError, match="`patience` and `every` should be >= 1"):
        EarlyStop(**settings)
