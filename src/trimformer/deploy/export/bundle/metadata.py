"""What a bundle says about itself, in the words of MONAI's specification."""

from importlib.metadata import version
from typing import Any

from trimformer.deploy.export.carried import Carried

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
"""By which `python -m monai.bundle verify_metadata` checks; the one of MONAI's own bundles in 2025."""

BUNDLE_VERSION = "1.0.0"

REQUIRED = {"nibabel": "5.2", "pytorch-ignite": "0.4.11"}
"""Beyond what MONAI itself requires: the former reads NIfTI, and of the latter MONAI takes no older one."""

MEANT = str.maketrans({"$": "＄", "@": "＠", "%": "％"})
"""Signs by which MONAI takes a text for Python, for a reference or for another file, and their harmless likes."""


def bundle_metadata(carried: Carried) -> dict[str, Any]:
    """A bundle's `metadata.json`.

    Args:
        carried: What the export carries. Its texts come from files, and MONAI evaluates texts: none of them stays one
            that it would.
    """
    labels = _channels(carried)
    told = ", ".join(f"{value} is {name}" for value, name in labels.items())
    return {
        "schema": SCHEMA,
        "version": BUNDLE_VERSION,
        "changelog": {BUNDLE_VERSION: f"exported by Trimformer {version('trimformer')}"},
        "monai_version": _release("monai"),
        "pytorch_version": _release("torch"),
        "numpy_version": _release("numpy"),
        "required_packages_version": REQUIRED,
        "name": inert(carried.name),
        "task": f"Segmentation of {', '.join(list(labels.values())[1:])}",
        "description": _description(carried),
        "authors": "Not told by the run that this bundle was made from",
        "copyright": f"The code: {carried.code_licence}. {inert(carried.weights_terms)}",
        "data_source": f"The dataset {inert(carried.provenance.dataset)}",
        "data_type": "nibabel",
        "image_classes": f"{carried.num_channels} channel(s), each of mean 0 and standard deviation 1 over its volume",
        "pred_classes": told,
        "eval_metrics": _scores(carried),
        "intended_use": inert(carried.use),
        "network_data_format": {
            "inputs": {"image": _tensor("magnitude", carried.num_channels, 2, "float32", [], _images(carried))},
            "outputs": {"pred": _tensor("labels", carried.num_classes, 2, "float32", [], labels)},
            "post_processed_outputs": {
                "pred": _tensor("segmentation", 1, 3, "uint8", [0, carried.num_classes - 1], labels)
            },
        },
    }


def inert(text: str) -> str:
    """A text that MONAI takes for nothing but text.

    Example:
        >>> inert("$print(1)")
        '＄print(1)'
    """
    return text.translate(MEANT)


def _release(package: str) -> str:
    return version(package).partition("+")[0]


def _channels(carried: Carried) -> dict[str, str]:
    """The name of every class, by its number."""
    names = {0: "background", **carried.labels}
    return {str(value): inert(names.get(value, "not used")) for value in range(carried.num_classes)}


def _images(carried: Carried) -> dict[str, str]:
    return {str(channel): f"channel {channel} of the scan" for channel in range(carried.num_channels)}


def _description(carried: Carried) -> str:
    told = carried.preprocessing
    sizes = "" if told.spacing_mm is None else f" Training took voxels for {told.spacing_mm} mm, whatever files said."
    return (
        f"{inert(carried.provenance.network)} on slices along axis {told.slice_axis}, cut by configs/inference.json."
        f" The network itself resizes them to {told.image_size} x {told.image_size} pixels, and its logits back. Voxel"
        f" sizes are not changed.{sizes} All else is in docs/README.md, and for programs in docs/trimformer.json."
    )


def _scores(carried: Carried) -> dict[str, Any]:
    """The mean Dice and its interval, and that of each label by its number: a label's name may be anything."""
    reported = carried.reported
    if reported is None or reported.mean_dice is None:
        return {}
    dice = {f"mean_dice_{value}": reported.dice.get(name) for value, name in carried.labels.items()}
    interval = {} if reported.ci95 is None else {"mean_dice_ci95": list(reported.ci95)}
    return {"mean_dice": reported.mean_dice, **interval, **dice}


def _tensor(
    kind: str, num_channels: int, axes: int, dtype: str, value_range: list[int], channels: dict[str, str]
) -> dict[str, Any]:
    return {
        "type": "image",
        "format": kind,
        "modality": "n/a",
        "num_channels": num_channels,
        "spatial_shape": ["*"] * axes,
        "dtype": dtype,
        "value_range": value_range,
        "is_patch_data": axes == 2,
        "channel_def": channels,
    }
