import torch

from trimformer.attention.twin import permuted_twin
from trimformer.models import create_model


def test_the_twin_holds_the_same_values_elsewhere_and_the_original_stays() -> None:
    model = create_model("unetr", num_classes=3, num_blocks=1, size="tiny", image_size=32, patch_size=8)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    twin = dict(permuted_twin(model, seed=1).named_parameters())
    moved = 0
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])
        assert torch.equal(twin[name].flatten().sort().values, parameter.flatten().sort().values)
        moved += not torch.equal(twin[name], parameter)
    assert moved > 10


def test_the_same_seed_gives_the_same_twin() -> None:
    model = torch.nn.Linear(5, 4)
    same, again, other = (permuted_twin(model, seed).state_dict()["weight"] for seed in (0, 0, 1))
    assert torch.equal(same, again)
    assert not torch.equal(same, other)
