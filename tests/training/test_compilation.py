import copy

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from trimformer.records.errors import UserError
from trimformer.records.settings import TrainingSettings
from trimformer.training.compilation import Compilation, refuse_other_numbers
from trimformer.training.task import SegmentationTask

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = (IMAGES[:, 0] > 0).long()

pytestmark = pytest.mark.filterwarnings("ignore:.*(many workers|LeafSpec|no .val_dataloader).*")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    convolution = nn.Conv2d(1, 4, 3, padding=1, bias=False)  # a bias before BatchNorm would learn from rounding alone
    return nn.Sequential(convolution, nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 2, 1))


class Wrong(nn.Module):
    """Another network when it is compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.conv(images)
        return logits * 1.1 if torch.compiler.is_compiling() else logits


def fit(model: nn.Module, callbacks: list[L.Callback]) -> None:
    trainer = L.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
    )
    trainer.fit(SegmentationTask(model, TrainingSettings(), seed=0), DataLoader(TensorDataset(IMAGES, LABELS), 2))


@pytest.mark.slow
def test_a_compiled_training_ends_with_the_weights_of_a_plain_one_under_the_same_names() -> None:
    plain, compiled = network(), network()
    fit(plain, [])
    fit(compiled, [Compilation()])
    assert list(plain.state_dict()) == list(compiled.state_dict())
    for one, other in zip(plain.state_dict().values(), compiled.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_check_leaves_statistics_and_random_numbers_as_they_were() -> None:
    model = network()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    refuse_other_numbers(model, IMAGES)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_another_result_of_compiled_code_is_refused() -> None:
    model = Wrong()
    model.compile(backend="eager")
    with pytest.raises(UserError, match=r"has the logits of the plain one, within 0\.001 of their size; found 0\.1"):
        refuse_other_numbers(model, IMAGES)
