"""The controls beside the hybrids: MONAI's networks by name."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monai.networks import nets
from torch import nn

from trimformer.models.foreign import ForeignNetwork, in_one_line
from trimformer.models.sizes import SIZES, Size
from trimformer.records.errors import UserError
from trimformer.records.model_names import plain_name

GIVEN = ("spatial_dims", "in_channels", "out_channels")
"""Constructor arguments that the data decide; a MONAI network that can be named takes them all."""


def _is_segmentation_network(member: object) -> bool:
    return (
        inspect.isclass(member)
        and issubclass(member, nn.Module)
        and set(GIVEN) <= set(inspect.signature(member).parameters)
    )


MONAI_NETWORKS: dict[str, type[nn.Module]] = {
    network.__name__: network for _, network in inspect.getmembers(nets, _is_segmentation_network)
}
"""MONAI's classes for any number of dimensions, input and output channels, by their own names."""


def _widths(size: Size) -> list[int]:
    return [size.channels(width) for width in (32, 64, 128, 256, 512)]


def _basic_features(size: Size) -> dict[str, Any]:
    return {"features": [size.channels(width) for width in (32, 32, 64, 128, 256, 32)]}


RECIPES: Mapping[str, Callable[[Size], dict[str, Any]]] = {
    # Residual (Kerfoot et al. 2019), five levels, two convolutions a unit: 6.5, 1.6 or 0.4 million parameters by size.
    "UNet": lambda size: {"channels": _widths(size), "strides": (2, 2, 2, 2), "num_res_units": 2},
    "AttentionUnet": lambda size: {"channels": _widths(size), "strides": (2, 2, 2, 2)},
    "BasicUNet": _basic_features,
    "BasicUNetPlusPlus": _basic_features,
    "DynUNet": lambda size: {
        "kernel_size": (3, 3, 3, 3, 3),
        "strides": (1, 2, 2, 2, 2),
        "upsample_kernel_size": (2, 2, 2, 2),
        "filters": _widths(size),
    },
    "FlexibleUNet": lambda _: {"backbone": "efficientnet-b0"},
    "MedNeXt": lambda size: {"init_filters": size.channels(32)},
    "SegResNet": lambda size: {"init_filters": size.channels(32)},
    "SegResNetDS": lambda size: {"init_filters": size.channels(32)},
    "SegResNetDS2": lambda size: {"init_filters": size.channels(32)},
    "SwinUNETR": lambda size: {"feature_size": size.channels(48)},
    "UNETR": lambda size: {
        "feature_size": size.channels(16),
        "hidden_size": size.token_width,
        "mlp_dim": 4 * size.token_width,
        "num_heads": size.num_heads,
    },
    "VNet": lambda _: {"dropout_dim": 2},
}
"""Constructor arguments by size, where MONAI has no default or one for volumes; other networks have one size alone."""


def monai_name(name: str) -> str | None:
    """MONAI's own spelling of a network's name, which is read without case and underscores; None for no such network.

    Example:
        >>> monai_name("attention_unet")
        'AttentionUnet'
    """
    return {plain_name(own): own for own in MONAI_NETWORKS}.get(plain_name(name))


def monai_network(
    name: str,
    *,
    num_classes: int,
    size: str,
    image_size: int,
    in_channels: int,
    options: dict[str, Any],
    kept_blocks: Sequence[int] | None = None,
) -> ForeignNetwork:
    """A network of MONAI in two dimensions, by its recipe and the user's options.

    Args:
        name: A key of `MONAI_NETWORKS`.
        num_classes: Classes, background counted.
        size: `base`, `small` or `tiny`; without meaning for a network that has no recipe.
        image_size: Rows = columns of the slices, in pixels; MONAI's networks like multiples of 32.
        in_channels: Channels of the slices, exactly.
        options: Constructor arguments that go before those of the recipe.
        kept_blocks: Which transformer blocks of a network that has such stay; None: all.

    Raises:
        UserError: The options are not the constructor's, or the network does not give logits on the images' grid.
    """
    constructor = MONAI_NETWORKS[name]
    parameters = inspect.signature(constructor).parameters
    _check_options(name, options, [own for own in parameters if own not in GIVEN])
    arguments: dict[str, Any] = {"spatial_dims": 2, "in_channels": in_channels, "out_channels": num_classes}
    if "img_size" in parameters and parameters["img_size"].default is inspect.Parameter.empty:
        arguments["img_size"] = (image_size, image_size)
    recipe = RECIPES[name](SIZES[size]) if name in RECIPES else {}
    try:
        network = constructor(**(arguments | recipe | options))
    except Exception as error:
        raise UserError(
            f"MONAI's {name} must be one that its constructor makes",
            in_one_line(error),
            f"Give its arguments under [model.options]; it has {_listed(parameters)}.",
        ) from error
    return ForeignNetwork(
        network,
        name=f"MONAI's {name}",
        num_classes=num_classes,
        image_size=image_size,
        in_channels=in_channels,
        next_step=_another_size(image_size),
        kept_blocks=kept_blocks,
    )


def _another_size(image_size: int) -> str:
    if image_size % 32 == 0:
        return "Change [model.options], or choose another network."
    return f"The nearest multiple of 32, which suits most networks, is {max(round(image_size / 32), 1) * 32}."


def _check_options(name: str, options: dict[str, Any], known: list[str]) -> None:
    for option in options:
        if option not in known:
            raise UserError(
                f"Options of {name} are arguments of MONAI's constructor (without those that the data decide)",
                repr(option),
                f"It has {_listed(known)}.",
            )


def _listed(parameters: "list[str] | Mapping[str, inspect.Parameter]") -> str:
    return ", ".join(own for own in parameters if own not in GIVEN)
