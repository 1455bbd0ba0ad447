"""AdamW alone, or Muon beside it."""

import copy

import torch
from torch import nn
from torch.optim import SGD, AdamW, Muon

from trimformer.records.settings import TrainingSettings
from trimformer.training.optimizer import Together, create_optimizer

BY_MUON = TrainingSettings(learning_rate=1e-3, muon_learning_rate=4e-3)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 1), nn.Flatten(), nn.Linear(4 * 9, 6), nn.LayerNorm(6), nn.Linear(6, 2))


def take_steps(model: nn.Module, optimizer: torch.optim.Optimizer, count: int) -> None:
    for step in range(count):
        images = torch.randn(8, 1, 3, 3, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(images).square().mean().backward()
        optimizer.step()


def test_adamw_remembers_squared_gradients_as_long_as_the_settings_say() -> None:
    for settings, beta2 in ((TrainingSettings(), 0.999), (TrainingSettings(beta2=0.95), 0.95)):
        optimizer = create_optimizer(network(), settings)
        assert isinstance(optimizer, AdamW)
        (group,) = optimizer.param_groups
        assert group["betas"] == (0.9, beta2)


def test_muon_moves_the_matrices_of_linear_layers_at_its_own_rate_and_adamw_the_rest() -> None:
    model = network()
    matrices, rest = create_optimizer(model, BY_MUON).param_groups
    assert [id(weight) for weight in matrices["params"]] == [id(model[2].weight), id(model[4].weight)]
    assert (matrices["lr"], rest["lr"]) == (4e-3, 1e-3)
    assert len(matrices["params"]) + len(rest["params"]) == len(list(model.parameters()))


def test_a_model_without_linear_layers_goes_by_adamw() -> None:
    assert isinstance(create_optimizer(nn.Conv2d(1, 1, 1), BY_MUON), AdamW)


def test_steps_are_those_of_both_optimisers_by_themselves() -> None:
    together, apart = network(), network()
    take_steps(together, create_optimizer(together, BY_MUON), 3)
    matrices = [weight for weight in apart.parameters() if weight.ndim == 2]
    others = [weight for weight in apart.parameters() if not any(weight is matrix for matrix in matrices)]
    muon = Muon(matrices, lr=4e-3, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    adamw = AdamW(others, lr=1e-3, weight_decay=0.0, fused=True)
    for step in range(3):
        images = torch.randn(8, 1, 3, 3, generator=torch.Generator().manual_seed(step))
        muon.zero_grad()
        adamw.zero_grad()
        apart(images).square().mean().backward()
        muon.step()
        adamw.step()
    for one, other in zip(together.parameters(), apart.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_training_goes_on_from_its_checkpoint_as_if_it_had_not_stopped() -> None:
    whole = network()
    optimizer = create_optimizer(whole, BY_MUON)
    take_steps(whole, optimizer, 3)
    resumed = copy.deepcopy(whole)
    again = create_optimizer(resumed, BY_MUON)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    take_steps(whole, optimizer, 2)
    take_steps(resumed, again, 2)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_rate_that_a_schedule_sets_is_the_optimisers_own() -> None:
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    together = Together(SGD([first], lr=1.0), SGD([second], lr=1.0))
    for group in together.param_groups:
        group["lr"] = 0.5
    first.grad, second.grad = torch.ones(1), torch.ones(1)
    together.step()
    assert (first.item(), second.item()) == (-0.5, -0.5)
