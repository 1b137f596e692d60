import dataclasses

from advrec_tf.data import batches
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from experiments.harness.entries import Task
from experiments.harness.training import fit
from tests.experiments.harness.toy import make_setting


def trained(setting, lines, epochs):
    model = MatrixFactorization(setting.interactions, dim=2, seed=0)
    model.compile(optimizer="sgd")
    data = batches.of_pairs(setting.interactions, batch_size=4, seed=0)
    task = Task(setting=setting, label="toy", log=lines.append)
    return fit(task, model, data, epochs=epochs, patience=1)


def test_without_validation_a_model_trains_exactly_so_many_epochs():
    setting = dataclasses.replace(make_setting(), validation=None, early_stopping=None)
    lines = []
    found = trained(setting, lines, epochs=3)
    assert (found.epochs, found.validation) == (3, None)
    assert lines == ["  toy: epoch 3 of 3"]


def test_with_validation_the_best_epoch_and_its_value_are_reported():
    setting = make_setting()
    found = trained(setting, [], epochs=3)
    assert 1 <= found.epochs <= 3
    assert found.validation == setting.validate(found.model)
