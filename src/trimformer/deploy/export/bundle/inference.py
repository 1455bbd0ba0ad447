"""The way from a scan to its label map, in the transforms of MONAI and the syntax of its bundles."""

from typing import Any

from trimformer.deploy.trained_on import TrainedOn
from trimformer.inference.predict import BATCH_SIZE

IMPORTS = ("glob", "nibabel", "os", "torch")
"""What the expressions below know by name."""

AXIS_LETTERS = [["L", "R"], ["P", "A"], ["I", "S"]]
"""NIfTI's; said, since MONAI has changed its mind about what it takes for granted."""

POSTFIX = "seg"
"""NAME.nii.gz becomes NAME_seg.nii.gz."""


def inference_config(known: TrainedOn) -> dict[str, Any]:
    """A bundle's `inference.json`: what `python -m monai.bundle run` does.

    Nothing in it is a text of the run: orientations are three letters, the rest are numbers. What begins with $ is
    evaluated by MONAI as Python.

    Args:
        known: What the model must know of the scans it was trained on.
    """
    return {
        "imports": [f"$import {name}" for name in IMPORTS],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/scans'",
        "output_dir": "$@bundle_root + '/eval'",
        "datalist": "$sorted(glob.glob(os.path.join(@dataset_dir, '*.nii')) + glob.glob(@dataset_dir + '/*.nii.gz'))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": "$torch.jit.load(@bundle_root + '/models/model.ts', map_location='cpu')",
        "network": "$@network_def.to(@device)",
        "turn": _turn(known),
        "preprocessing": _composed([*_reading(), _turning(known), *_intensities(known), *_padding(known)]),
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': file} for file in @datalist]",
            "transform": "@preprocessing",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "num_workers": 0},
        "inferer": {
            "_target_": "SliceInferer",
            "spatial_dim": known.preprocessing.slice_axis,
            "roi_size": [-1, -1],
            "sw_batch_size": BATCH_SIZE,
            "overlap": 0.0,
        },
        "postprocessing": _composed(_way_back()),
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "amp": False,
        },
        "run": ["$@evaluator.run()"],
    }


def _composed(transforms: list[Any]) -> dict[str, Any]:
    return {"_target_": "Compose", "transforms": transforms}


def _reading() -> list[dict[str, Any]]:
    return [
        {"_target_": "LoadImaged", "keys": "image", "reader": "NibabelReader"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
    ]


def _turn(known: TrainedOn) -> dict[str, Any]:
    target = known.preprocessing.orientation or known.orientations[0]
    return {"_target_": "Orientationd", "keys": "image", "axcodes": target, "labels": AXIS_LETTERS}


def _turning(known: TrainedOn) -> Any:
    """`TrainedOn.preprocessing_of`: always to the same axes, or only where no training scan lay like that."""
    if known.preprocessing.orientation is not None or len(known.orientations) == 1:
        return "@turn"
    lies = f"''.join(nibabel.aff2axcodes(scan['image'].affine)) in {known.orientations}"
    # Not Lambdad: the inverse function that it is given is never called (MONAI 1.6.1).
    return {
        "_target_": "Lambda",
        "func": f"$lambda scan: scan if {lies} else @turn(scan)",
        "inv_func": "$lambda scan: @turn.inverse(scan) if scan['image'].applied_operations else scan",
    }


def _intensities(known: TrainedOn) -> list[dict[str, Any]]:
    z_score = {"_target_": "NormalizeIntensityd", "keys": "image", "channel_wise": True}
    if known.preprocessing.clip is None:
        return [z_score]
    low, high = known.preprocessing.clip
    limits = {"a_min": low, "a_max": high, "b_min": low, "b_max": high, "clip": True}
    return [{"_target_": "ScaleIntensityRanged", "keys": "image", **limits}, z_score]


def _padding(known: TrainedOn) -> list[dict[str, Any]]:
    """Slices at least as large as the crop, with each channel's lowest value around them; the network cuts."""
    if known.preprocessing.crop is None:
        return []
    size = [known.preprocessing.crop] * 3
    size[known.preprocessing.slice_axis] = -1
    lowest = "torch.nan_to_num(image, nan=float('inf')).amin(dim=(1, 2, 3), keepdim=True)"
    return [
        {"_target_": "SpatialPadd", "keys": "image", "spatial_size": size, "value": "$float('nan')"},
        {"_target_": "Lambdad", "keys": "image", "func": f"$lambda image: torch.where(image.isnan(), {lowest}, image)"},
    ]


def _way_back() -> list[dict[str, Any]]:
    inverse = {"transform": "@preprocessing", "orig_keys": "image", "nearest_interp": False}
    names = {"output_dir": "@output_dir", "output_postfix": POSTFIX, "separate_folder": False}
    return [
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        {"_target_": "Invertd", "keys": "pred", **inverse},
        {"_target_": "SaveImaged", "keys": "pred", **names, "output_dtype": "uint8", "resample": False},
    ]
