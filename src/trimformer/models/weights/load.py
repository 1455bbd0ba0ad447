"""Give a new model the weights that its settings name."""

import warnings
from collections.abc import Sequence

from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.weights.checks import is_counter, part_of
from trimformer.models.weights.files import hash_file, read_weights
from trimformer.models.weights.fit import Fitted, fit_weights
from trimformer.models.weights.locate import WeightsSource, locate, locate_trunk, refuse_narrow_trunk
from trimformer.models.weights.permuted_blocks import refuse_permuted_blocks, with_permuted_blocks
from trimformer.models.weights.report import WeightsFile, WeightsReport
from trimformer.models.weights.source_blocks import refuse_source_blocks, with_source_blocks
from trimformer.models.weights.translate import Translation, translate
from trimformer.models.weights.trunk import fit_trunk

ENCODER = ("transformer", "trunk")


def load_weights(
    model: SegmentationModel,
    weights: str | None,
    trunk_weights: str | None = None,
    source_blocks: Sequence[int] | None = None,
    permuted_blocks: bool = False,
) -> WeightsReport:
    """Fill a new model with the named weights, in place, and say what became of every tensor.

    Whatever part of the encoder stays random although `weights` were asked for is warned of as well.

    Args:
        model: A model with its `settings`, as it was initialised.
        weights: `none`; `imagenet21k`; a timm or Hugging Face hub name; a `.npz`, `.pth` or `.safetensors` file; or a
            run folder, whose best weights are taken.
        trunk_weights: For the trunk of `cats`, a network with weights of its own: `none`, `imagenet` (what timm holds
            for its name), a timm name or a file. None: `imagenet` where `weights` come from the hub, else `none`.
        source_blocks: Which blocks of `weights` the blocks 0, 1, ... of a hybrid take; None: the first.
        permuted_blocks: Shuffle the entries of every tensor that they take: of what was learned only the scale is left.

    Raises:
        UserError: The weights cannot be had, are damaged, or do not fit; the model is then not to be used.
    """
    if source_blocks is not None:
        refuse_source_blocks(source_blocks, weights, model)
    if permuted_blocks:
        refuse_permuted_blocks(weights, model)
    refuse_narrow_trunk(weights, trunk_weights, model.settings)
    main = locate(weights, model.settings)
    trunk = locate_trunk(trunk_weights, model.settings, main)
    fitted = []
    if main:
        fitted.append(fit_weights(model, _translated(main, source_blocks, permuted_blocks)))
    if trunk:
        fitted.append(fit_trunk(model, read_weights(trunk.path), trunk.origin))
    report = _report(model, str(weights or "none"), [source for source in (main, trunk) if source], fitted)
    if permuted_blocks:
        report = report.with_permuted_blocks()
    if main:
        _warn_of_random_parts(report)
    return report


def _translated(main: WeightsSource, source_blocks: Sequence[int] | None, permuted_blocks: bool) -> Translation:
    translation = translate(read_weights(main.path), main.origin)
    if source_blocks is not None:
        translation = with_source_blocks(translation, source_blocks)
    return with_permuted_blocks(translation) if permuted_blocks else translation


def _report(model: SegmentationModel, source: str, sources: list[WeightsSource], fitted: list[Fitted]) -> WeightsReport:
    copied = tuple(name for one in fitted for name in one.copied)
    resampled = tuple(name for one in fitted for name in one.resampled)
    loaded = {*copied, *resampled}
    return WeightsReport(
        source=source,
        files=tuple(WeightsFile(one.origin, hash_file(one.path)) for one in sources),
        copied=copied,
        resampled=resampled,
        initialised=tuple(name for name in model.state_dict() if name not in loaded and not is_counter(name)),
        unused=tuple(key for one in fitted for key in one.unused),
    )


def _warn_of_random_parts(report: WeightsReport) -> None:
    random = sorted({part_of(name) for name in report.initialised}.intersection(ENCODER))
    if random:
        warnings.warn(f"Weights from {report.source}: {' and '.join(random)} left random", stacklevel=4)
