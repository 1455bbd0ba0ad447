import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import Tensor, nn

from trimformer.models import SegmentationModel, create_model
from trimformer.records.settings import DistillationSettings, TrainingSettings
from trimformer.training.distillation import Distillation, softened_divergence, token_map_error
from trimformer.training.task import SegmentationTask


def made(*shape: int, seed: int = 0) -> Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


IMAGES = made(4, 1, 32, 32)
LABELS = (IMAGES[:, 0] > 1).long() + (IMAGES[:, 0] > 3)


def tiny(num_blocks: int, seed: int) -> SegmentationModel:
    torch.manual_seed(seed)
    return create_model("unetr", num_classes=3, num_blocks=num_blocks, size="tiny", image_size=32, patch_size=8)


@pytest.fixture
def teacher() -> SegmentationModel:
    """Of other opinions than a model that has just been made."""
    model = tiny(2, seed=1)
    with torch.no_grad():
        model.get_parameter([name for name, _ in model.named_parameters()][-1]).copy_(torch.tensor([0.0, 1.0, -1.0]))
    return model


def settings(**values: float) -> DistillationSettings:
    return DistillationSettings.model_validate({"teacher": "a run"} | values)


def labels_loss(logits: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.float(), labels)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_divergence_is_that_of_the_softened_probabilities_in_float64(temperature: float) -> None:
    student, teacher = made(2, 3, 4, 5), made(2, 3, 4, 5, seed=1)
    q, p = (log_softmax(np.float64(logits.numpy()) / temperature, axis=1) for logits in (student, teacher))
    expected = temperature**2 * (np.exp(p) * (p - q)).sum(axis=1).mean()
    assert float(softened_divergence(student, teacher, temperature)) == pytest.approx(expected, rel=1e-5)


def test_the_divergence_of_one_pixel_worked_by_hand() -> None:
    student, teacher = torch.zeros(1, 2, 1, 1), torch.tensor([np.log(9.0), 0.0]).float().view(1, 2, 1, 1)
    by_hand = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5)  # probabilities 0.9 and 0.1 against halves
    assert float(softened_divergence(student, teacher, 1.0)) == pytest.approx(by_hand, rel=1e-6)


def test_token_maps_are_compared_after_each_token_was_standardised() -> None:
    student, teacher = made(2, 6, 3, 3), made(2, 6, 3, 3, seed=1)
    maps = [np.float64(tokens.numpy()) for tokens in (student, teacher)]
    learnt, taught = (
        (one - one.mean(axis=1, keepdims=True)) / np.sqrt(one.var(axis=1, keepdims=True) + 1e-5) for one in maps
    )
    assert float(token_map_error(student, teacher)) == pytest.approx(((learnt - taught) ** 2).mean(), rel=1e-5)
    assert float(token_map_error(student, 7 * student + 2)) == pytest.approx(0, abs=1e-5)


def test_the_three_terms_are_mixed_as_the_settings_say(teacher: SegmentationModel) -> None:
    student = tiny(1, seed=0).eval()
    maps: list[Tensor] = []
    for model in (student, teacher):
        model.transformer.register_forward_hook(lambda _module, _inputs, taps: maps.append(taps[-1].clone()))
    found = Distillation(teacher, settings(weight=0.3, temperature=3.0, features=0.7)).loss(
        student, IMAGES, LABELS, labels_loss
    )
    logits, taught = student(IMAGES), teacher(IMAGES)
    expected = 0.7 * labels_loss(logits, LABELS) + 0.3 * softened_divergence(logits, taught, 3.0)
    expected = expected + 0.7 * token_map_error(maps[0], maps[1])
    torch.testing.assert_close(found, expected)


def test_at_weight_0_loss_and_gradients_are_those_without_a_teacher_bit_by_bit(teacher: SegmentationModel) -> None:
    with_teacher, without = tiny(1, seed=0), tiny(1, seed=0)
    torch.manual_seed(5)  # of the dropout
    loss = Distillation(teacher, settings(weight=0)).loss(with_teacher, IMAGES, LABELS, labels_loss)
    torch.manual_seed(5)
    plain = labels_loss(without(IMAGES), LABELS)
    assert torch.equal(loss, plain)
    loss.backward()
    plain.backward()
    for (name, one), other in zip(with_teacher.named_parameters(), without.parameters(), strict=True):
        assert one.grad is not None, name
        assert other.grad is not None, name
        assert torch.equal(one.grad, other.grad), name


def test_the_teacher_stays_as_it_was_and_is_no_part_of_the_task(teacher: SegmentationModel) -> None:
    before = copy.deepcopy(teacher.state_dict())
    student = tiny(1, seed=0)
    distillation = Distillation(teacher, settings(features=1))
    task = SegmentationTask(student, TrainingSettings(), 0, distillation).train()
    assert set(task.state_dict()) == {f"model.{name}" for name in student.state_dict()}
    trained = {parameter for group in task.configure_optimizers().param_groups for parameter in group["params"]}
    assert trained == set(student.parameters())
    distillation.loss(student, IMAGES, LABELS, labels_loss).backward()
    assert not teacher.training
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())


def test_the_teacher_runs_in_the_number_format_of_its_student(teacher: SegmentationModel) -> None:
    formats: list[torch.dtype] = []
    student = tiny(1, seed=0)
    for model in (student, teacher):
        model.register_forward_hook(lambda _module, _inputs, logits: formats.append(logits.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        loss = Distillation(teacher, settings()).loss(student, IMAGES, LABELS, labels_loss)
    assert formats == [torch.bfloat16, torch.bfloat16]
    assert loss.dtype == torch.float32


def steps(weight: float, teacher: SegmentationModel) -> Iterator[SegmentationModel]:
    """A student after each of its steps on the same slices."""
    student = tiny(1, seed=0)
    distillation = Distillation(teacher, settings(weight=weight))
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-3)
    while True:
        optimizer.zero_grad()
        distillation.loss(student, IMAGES, LABELS, labels_loss).backward()
        optimizer.step()
        yield student


def test_a_taught_student_comes_nearer_to_its_teachers_logits_than_an_untaught_one(teacher: SegmentationModel) -> None:
    def distance_after_steps(weight: float) -> float:
        *_, student = (student for student, _ in zip(steps(weight, teacher), range(8), strict=False))
        with torch.no_grad():
            return float(softened_divergence(student.eval()(IMAGES), teacher.eval()(IMAGES), 1.0))

    assert distance_after_steps(0.9) < 0.8 * distance_after_steps(0.0)
