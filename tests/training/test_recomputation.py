import pytest
import torch
from torch import Tensor

from trimformer.models import SegmentationModel, create_model
from trimformer.records.errors import UserError
from trimformer.training.recomputation import recompute_blocks

IMAGES = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def tiny(name: str) -> SegmentationModel:
    torch.manual_seed(0)
    return create_model(name, num_classes=3, num_blocks=2, size="tiny", image_size=32, patch_size=8, weights="none")


def step(model: SegmentationModel) -> tuple[Tensor, dict[str, Tensor], int]:
    """Logits and gradients of one step with dropout, and the bytes kept for the way back."""
    kept = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.nbytes
        return tensor

    torch.manual_seed(1)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = model(IMAGES)
    before = kept
    logits.square().mean().backward()
    return logits.detach(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, before


@pytest.mark.parametrize("name", ["unetr", "cats", "transunet"])
def test_numbers_and_names_stay_and_memory_is_saved(name: str) -> None:
    plain, saving = tiny(name), tiny(name)
    recompute_blocks(saving)
    assert list(plain.state_dict()) == list(saving.state_dict())
    (logits, gradients, kept), (again, gradients_again, kept_less) = step(plain), step(saving)
    assert torch.equal(logits, again)
    assert gradients.keys() == gradients_again.keys()
    assert all(torch.equal(gradients[key], gradients_again[key]) for key in gradients)
    assert kept_less < kept


def test_a_model_without_blocks_of_ours_is_refused_by_its_name() -> None:
    unet = create_model("unet", num_classes=2, size="tiny", image_size=32)
    with pytest.raises(UserError, match=r"found unet without transformer\.blocks"):
        recompute_blocks(unet)
