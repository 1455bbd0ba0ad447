"""Volumes turned so that their axes lead to the patient's right, anterior and up, or as nearly as they can."""

from dataclasses import replace

import numpy as np

from trimformer.records.shown_volumes import ShownVolume


def towards_ras(volume: ShownVolume) -> ShownVolume:
    """The same voxels in the same places, with the axes in the order and direction nearest to RAS+."""
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    turn = io_orientation(volume.affine)
    first, second, third = np.array(volume.step)[np.argsort(turn[:, 0])].tolist()
    scan, truth, prediction = (
        np.ascontiguousarray(apply_orientation(array, turn)) for array in (volume.scan, volume.truth, volume.prediction)
    )
    return replace(
        volume,
        scan=scan,
        truth=truth,
        prediction=prediction,
        affine=volume.affine @ inv_ornt_aff(turn, volume.scan.shape),
        step=(first, second, third),
    )
