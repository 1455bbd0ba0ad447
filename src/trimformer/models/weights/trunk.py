"""Pretrained weights for the trunk of CATS, through timm, which knows how each of its networks stores them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import timm
from torch import Tensor, nn

from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.sizes import SIZES
from trimformer.models.trunks import fixed_size, timm_features
from trimformer.models.weights.fit import Fitted
from trimformer.records.errors import UserError

TRUNK = "trunk.network."

Tensors = Mapping[str, Tensor]


def fit_trunk(model: SegmentationModel, tensors: Tensors, origin: str) -> Fitted:
    """Copy a classifier's weights into the model's trunk, in place.

    First convolutions of another number of channels are spread over the image's by timm's rule.

    Args:
        model: A `cats`.
        tensors: All weights of the whole classifier, by timm's keys; its last layer may be of any class count.
        origin: The file, for messages and the report.

    Raises:
        UserError: A tensor is missing, superfluous or of another shape, or the trunk is narrower than published.
    """
    settings = model.settings
    pretrained = _pretrained_features(settings, model.network_channels, tensors, origin).state_dict()
    wanted = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(TRUNK)}
    for name, tensor in wanted.items():
        stored = pretrained[name.removeprefix(TRUNK)]
        if stored.shape != tensor.shape:
            raise UserError(
                f"Pretrained weights fit {settings['trunk']} at its own width, which it has at size base",
                f"{name.removeprefix(TRUNK)} in {origin}: shape {tuple(stored.shape)} in the file, shape "
                f"{tuple(tensor.shape)} in the model",
                'Set trunk_weights = "none", or size = "base".',
            )
    model.load_state_dict({name: pretrained[name.removeprefix(TRUNK)] for name in wanted}, strict=False)
    used = {_flat(name.removeprefix(TRUNK)) for name in wanted}
    return Fitted(
        copied=tuple(wanted),
        resampled=(),
        initialised=(),
        unused=tuple(key for key in tensors if _flat(key) not in used),
    )


def _pretrained_features(settings: Mapping[str, Any], channels: int, tensors: Tensors, origin: str) -> nn.Module:
    """The trunk's network at its own width with every level, filled without a gap."""
    name, image_size = settings["trunk"], settings["image_size"]
    classifier = _filled_classifier(name, channels, image_size, tensors, origin)
    overlay = {"state_dict": classifier.state_dict()}
    return timm_features(name, SIZES["base"], image_size, channels, pretrained=True, pretrained_cfg_overlay=overlay)


def _filled_classifier(name: str, channels: int, image_size: int, tensors: Tensors, origin: str) -> nn.Module:
    """The whole network, filled strictly; a feature extractor alone would leave what is missing random in silence."""
    build = partial(timm.create_model, name, in_chans=channels, **fixed_size(name, image_size))
    fresh = build(pretrained=False)
    last_layers = _last_layers(fresh.pretrained_cfg)
    kept = {key: tensor for key, tensor in tensors.items() if not key.startswith(last_layers)}
    own = {key: tensor for key, tensor in fresh.state_dict().items() if key.startswith(last_layers)}
    try:
        return build(pretrained=True, pretrained_cfg_overlay={"state_dict": kept | own})
    except (RuntimeError, KeyError) as error:
        raise UserError(
            f"The trunk's weights must be those of {name}",
            f"{origin}: {' '.join(str(error).split())[:400]}",
            "Choose weights of that network, or trunk_weights = none.",
        ) from None


def _last_layers(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """What the keys of the classifier itself begin with; its class count does not matter to a trunk."""
    names = configuration.get("classifier") or ()
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def _flat(key: str) -> str:
    """A key as it is spelt where timm flattens a network's modules into one level."""
    return key.replace(".", "_")
