import lightning as L
import pytest
import torch
from timm.layers import Attention
from torch.utils.data import DataLoader, TensorDataset

from trimformer.models import SegmentationModel, create_model
from trimformer.records.settings import TrainingSettings
from trimformer.training.task import SegmentationTask
from trimformer.training.written_out import MOST_TOKENS, write_out_attention

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def tiny(image_size: int = 32) -> SegmentationModel:
    torch.manual_seed(0)
    return create_model(
        "unetr", num_classes=3, num_blocks=2, size="tiny", image_size=image_size, patch_size=8, weights="none"
    ).eval()


def fused(model: SegmentationModel) -> set[bool]:
    return {module.fused_attn for module in model.modules() if isinstance(module, Attention)}


def test_numbers_and_names_stay() -> None:
    plain, written = tiny(), tiny()
    write_out_attention(written, CPU, "bf16-mixed")
    assert list(plain.state_dict()) == list(written.state_dict())
    images = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(plain(images), written(images))


@pytest.mark.parametrize(
    ("device", "precision", "image_size", "is_fused"),
    [(CPU, "bf16-mixed", 160, False), (CPU, "32-true", 32, True), (CUDA, "bf16-mixed", 32, True)],
)
def test_it_is_for_bfloat16_on_a_processor(
    device: torch.device, precision: str, image_size: int, is_fused: bool
) -> None:
    model = tiny(image_size)
    write_out_attention(model, device, precision)
    assert fused(model) == {is_fused}


def test_many_tokens_stay_fused_for_their_memory() -> None:
    model = tiny(168)
    assert MOST_TOKENS < 21 * 21
    write_out_attention(model, CPU, "bf16-mixed")
    assert fused(model) == {True}


@pytest.mark.filterwarnings("ignore:.*(many workers|LeafSpec|no .val_dataloader).*")
@pytest.mark.parametrize(("precision", "is_fused"), [("bf16-mixed", False), ("32-true", True)])
def test_a_training_chooses_by_its_own_precision(precision: str, is_fused: bool) -> None:
    model = tiny().train()
    data = DataLoader(TensorDataset(torch.randn(2, 1, 32, 32), torch.randint(0, 3, (2, 32, 32))), batch_size=2)
    trainer = L.Trainer(
        max_epochs=1,
        accelerator="cpu",
        precision=precision,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(SegmentationTask(model, TrainingSettings(), seed=0), data)
    assert fused(model) == {is_fused}
