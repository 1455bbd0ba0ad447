"""`python predict_onnx.py MODEL.onnx SCAN.nii.gz LABELS.nii.gz` labels a scan without Trimformer and torch."""

import json
import sys

import nibabel
import numpy as np
import onnxruntime
from nibabel.orientations import aff2axcodes, apply_orientation, axcodes2ornt, io_orientation, ornt_transform


def resizing(before: int, after: int) -> np.ndarray:
    """(after, before): linear between the centres of pixels, wider where an axis shrinks, so that no pixel is lost."""
    scale = before / after
    distance = np.abs((np.arange(after)[:, None] + 0.5) * scale - np.arange(before) - 0.5) / max(scale, 1)
    return np.maximum(1 - distance, 0) / np.maximum(1 - distance, 0).sum(axis=1, keepdims=True)


model, *scans, output = sys.argv[1:]  # several scans are the channels of one patient, in the order of the training
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
carried = json.loads(session.get_modelmeta().custom_metadata_map["trimformer"])
how, known, size = carried["preprocessing"], carried["orientations"], carried["preprocessing"]["image_size"]
image, *others = [nibabel.load(scan) for scan in scans]
own, stored = "".join(aff2axcodes(image.affine)), io_orientation(image.affine)
target = axcodes2ornt(how["orientation"] or (own if own in known else known[0]))  # the training scans lay like this
channels = [one.get_fdata(dtype=np.float32).reshape(*one.shape[:3], -1) for one in (image, *others)]
turned = apply_orientation(np.concatenate(channels, axis=3), ornt_transform(stored, target)).astype(np.float64)
slices = np.moveaxis(turned, (how["slice_axis"], 3), (0, 1)).clip(*how["clip"] or (-np.inf, np.inf))
slices = (slices - slices.mean((0, 2, 3), keepdims=True)) / slices.std((0, 2, 3), keepdims=True)
crops = [(how["crop"] or count, count) for count in slices.shape[2:]]  # of rows and columns; larger ones fill up
middle = [np.eye(kept, count, (count - kept + 1) // 2) for kept, count in crops]
into = [resizing(len(kept), size) @ kept for kept in middle]
back = [kept.T @ resizing(size, len(kept)) for kept in middle]
lowest, labels = slices.min((0, 2, 3), keepdims=True), np.zeros((len(slices), *slices.shape[2:]), np.uint8)
for start in range(0, len(slices), 16):
    inputs = into[0] @ (slices[start : start + 16] - lowest) @ into[1].T + lowest
    (logits,) = session.run(["logits"], {"image": inputs.astype(np.float16).astype(np.float32)})
    labels[start : start + 16] = (back[0] @ logits @ back[1].T).argmax(axis=1)  # what was cut off is background
volume = apply_orientation(np.moveaxis(labels, 0, how["slice_axis"]), ornt_transform(target, stored))
nibabel.save(type(image)(volume, image.affine, image.header, dtype=np.uint8), output)
