"""The CNN trunks of CATS: any feature extractor of timm."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from math import prod
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.layers import Format
from timm.models import is_model_in_modules
from torch import nn

from trimformer.models.layers import Features
from trimformer.models.sizes import Size
from trimformer.models.unread import leave_out_unread
from trimformer.records.errors import UserError

RESNET_WIDTHS = (64, 128, 256, 512)
WIDER_GROWTH = ("densenet161", "densenet264d")
"""The DenseNets that grow by 48 channels a layer; the others grow by 32."""


def timm_features(name: str, size: Size, image_size: int, in_channels: int, **timm_arguments: Any) -> Any:
    """The feature extractor that timm makes of one of its networks, without pretrained weights unless told.

    Sizes other than base divide the stages of a ResNet (its stem keeps 64 channels, timm has no argument for it) and
    the growth rate of a DenseNet (which divides all of it); every other family has its own width at all sizes.
    A network made for one image size, such as a Swin, is made for this one.

    Args:
        name: A name of `timm.list_models()`, with or without a tag.
        size: Width of the model.
        image_size: Rows = columns of the images, in pixels.
        in_channels: Channels of the images.
        timm_arguments: More arguments of `timm.create_model`, such as `out_indices` and `pretrained`.
    """
    arguments = narrowed(name, size) | fixed_size(name, image_size) | {"in_chans": in_channels} | timm_arguments
    return timm.create_model(name, features_only=True, **arguments)


def narrowed(name: str, size: Size) -> dict[str, Any]:
    """The arguments that make a network of this size narrower than its name says; none where it keeps its width."""
    if size.divisor == 1:
        return {}
    if is_model_in_modules(name, ["resnet"]):
        return {"channels": tuple(size.channels(width) for width in RESNET_WIDTHS)}
    if is_model_in_modules(name, ["densenet"]):
        return {"growth_rate": size.channels(48 if name.startswith(WIDER_GROWTH) else 32)}
    return {}


def fixed_size(name: str, image_size: int) -> dict[str, Any]:
    """The argument that makes a network of one fixed image size, such as a Swin, for this one; others need none."""
    described = timm.get_pretrained_cfg(name)
    return {"img_size": image_size} if described is not None and described.fixed_input_size else {}


class TimmTrunk(nn.Module):
    """The features of a timm network at the wanted strides, one map a level.

    Stages below the deepest level are left out: by timm or, where it keeps them (its EfficientNets), here. Of several
    features of the same stride the deepest is taken. Features that do not lie on their stride's grid (convolutions
    without padding, as in an Inception) are brought to it bilinearly.

    Args:
        name: A name of `timm.list_models()`, with or without a tag.
        strides: Pixels for one position, level by level, rising.
        size: Width of the model.
        image_size: Rows = columns of the images, in pixels.
        in_channels: Channels of the images.

    Attributes:
        network: timm's feature extractor.
        out_indices: Which of the network's features are taken.
        widths: Channels of each level; None where the network has no feature of that stride.

    Raises:
        UserError: timm has no such network or cannot make it so, or it has no feature of the last stride.
    """

    def __init__(self, name: str, strides: Sequence[int], size: Size, image_size: int, in_channels: int) -> None:
        super().__init__()
        self.strides = tuple(strides)
        with _as_users_choice(name, image_size):
            indices = _deepest_features(name, size, image_size, in_channels)
        _check_deepest(name, strides[-1], indices)
        self.out_indices = tuple(indices[stride] for stride in strides if stride in indices)
        with _as_users_choice(name, image_size):
            self.network = timm_features(name, size, image_size, in_channels, out_indices=self.out_indices)
            widths = iter(_measured_widths(self, image_size, in_channels))
        self.widths = tuple(next(widths) if stride in indices else None for stride in strides)

    def forward(self, images: Features) -> list[Features | None]:
        """One feature map a level, shallowest first; None where the network has no feature of that stride."""
        features = dict(zip(self.network.feature_info.reduction(), self._channels_first(images), strict=True))
        return [_on_grid(features[stride], images, stride) if stride in features else None for stride in self.strides]

    def _channels_first(self, images: Features) -> list[Features]:
        features = self.network(images)
        if getattr(self.network, "output_fmt", None) == Format.NHWC:
            return [feature.permute(0, 3, 1, 2) for feature in features]
        return features


def _on_grid(features: Features, images: Features, stride: int) -> Features:
    rows, columns = images.shape[2] // stride, images.shape[3] // stride
    if features.shape[2:] == (rows, columns):
        return features
    return F.interpolate(features, size=(rows, columns), mode="bilinear")


@contextmanager
def _as_users_choice(name: str, image_size: int) -> Iterator[None]:
    """Whatever timm raises while it makes or runs a network that the user named is told as the user's mistake."""
    if not timm.is_model(name):
        raise UserError("The trunk must be a network that timm knows", repr(name), _similar(name))
    try:
        yield
    except Exception as error:
        raise UserError(
            f"The trunk must be a feature extractor of timm for images of {image_size} x {image_size}",
            f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
            "Choose another trunk or image_size.",
        ) from error


def _similar(name: str) -> str:
    close = get_close_matches(name, timm.list_models())
    return f"Similar names: {', '.join(close)}." if close else "timm.list_models() names them, resnet50 for one."


def _deepest_features(name: str, size: Size, image_size: int, in_channels: int) -> dict[int, int]:
    """The index of the deepest feature of each stride, known from a network that is described but not filled."""
    with torch.device("meta"):
        network = timm_features(name, size, image_size, in_channels)
    # timm lists a stride that a network passes over (a TResNet's 2) as a feature of no module.
    return {one["reduction"]: index for index, one in enumerate(network.feature_info.info) if one["module"]}


def _check_deepest(name: str, stride: int, indices: dict[int, int]) -> None:
    if stride not in indices:
        raise UserError(
            f"A trunk must have features of stride {stride}, where the tokens are",
            f"strides {', '.join(map(str, indices))} in {name}",
            "Choose another trunk or patch_size.",
        )


def _measured_widths(trunk: TimmTrunk, image_size: int, in_channels: int) -> list[int]:
    """The channels of every level that the network has, seen in one pass; what no level reads is left out by then."""
    shape = (1, in_channels, image_size, image_size)
    image = torch.linspace(-1, 1, prod(shape)).view(shape)  # any image that is not empty
    trunk.eval()
    levels = leave_out_unread(trunk.network, lambda: [level for level in trunk(image) if level is not None])
    trunk.train()
    return [level.shape[1] for level in levels]
