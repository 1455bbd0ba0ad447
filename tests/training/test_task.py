import lightning as L
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from trimformer.records.settings import TrainingSettings
from trimformer.training.loss import dice_cross_entropy
from trimformer.training.task import Sample, SegmentationTask, overlap


def test_overlap_counts_pixels_of_every_foreground_class() -> None:
    prediction = torch.tensor([[[1, 1, 2]], [[0, 2, 2]]])
    truth = torch.tensor([[[1, 0, 2]], [[1, 2, 0]]])
    assert overlap(prediction, truth, num_classes=4).tolist() == [[1, 2, 0], [4, 5, 0]]


def batches(count: int) -> DataLoader[tuple[torch.Tensor, ...]]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (2 * count, 8, 8), generator=generator)
    return DataLoader(TensorDataset(torch.randn(2 * count, 1, 8, 8, generator=generator), labels), batch_size=2)


class GradientsOfSteps(L.Callback):  # type: ignore[misc] # Lightning is read without types
    """What every step goes by, and what its batches' own gradients average to."""

    def __init__(self, groups: list[list[Sample]]) -> None:
        self._groups = groups
        self.found: list[torch.Tensor] = []
        self.expected: list[torch.Tensor] = []

    def on_before_optimizer_step(self, _: L.Trainer, task: L.LightningModule, __: torch.optim.Optimizer) -> None:
        assert isinstance(task, SegmentationTask)
        weight = task.model.weight
        assert isinstance(weight, torch.nn.Parameter)
        assert weight.grad is not None
        group = self._groups[len(self.found)]
        losses = [dice_cross_entropy(task.model(images), labels) for images, labels in group]
        with torch.enable_grad():
            self.expected.append(torch.stack([torch.autograd.grad(loss, weight)[0] for loss in losses]).mean(dim=0))
        self.found.append(weight.grad.clone())


@pytest.mark.filterwarnings("ignore:.*(many workers|LeafSpec|no .val_dataloader).*")
def test_gradients_are_averaged_over_each_group_of_batches_the_incomplete_one_too() -> None:
    data = batches(5)
    one, two, three, four, five = data
    watcher = GradientsOfSteps([[one, two], [three, four], [five]])
    torch.manual_seed(0)
    task = SegmentationTask(torch.nn.Conv2d(1, 3, 1), TrainingSettings(accumulate=2, learning_rate=0.1), seed=0)
    trainer = L.Trainer(
        max_epochs=1,
        accelerator="cpu",
        accumulate_grad_batches=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[watcher],
    )
    trainer.fit(task, data)
    assert trainer.global_step == len(watcher.found) == 3
    for found, expected in zip(watcher.found, watcher.expected, strict=True):
        torch.testing.assert_close(found, expected)
