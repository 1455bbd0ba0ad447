"""The model card of an export: a page for people who have never heard of the run."""

from importlib.metadata import version

from trimformer.deploy.export.carried import Carried
from trimformer.deploy.export.provenance import Reported

TURNED = "turned to {codes}"
AS_TRAINED = "left as they lie in {known}, any other turned to {first}"


def model_card(carried: Carried, usage: str) -> str:
    """Markdown for an export.

    Args:
        carried: What the export carries.
        usage: How a model of this format predicts, one paragraph.
    """
    sections = {
        f"# {_plain(carried.name)}": carried.use,
        "## Use": usage,
        "## Labels": _labels(carried),
        "## From a scan to the model's input": _way(carried),
        "## How it was made": _made(carried),
        "## How it did": _did(carried.reported),
        "## What is not known": _unknown(carried),
        "## Licences": f"Trimformer's code: {carried.code_licence}. {carried.weights_terms}",
    }
    return "\n\n".join(f"{title}\n\n{text}" for title, text in sections.items()) + "\n"


def _labels(carried: Carried) -> str:
    reported = carried.reported.dice if carried.reported else {}
    rows = [("value", "label", "mean Dice"), ("--:", "---", "--:"), ("0", "background", "")]
    for value, name in sorted(carried.labels.items()):
        rows.append((str(value), _plain(name), _number(reported.get(name))))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _way(carried: Carried) -> str:
    told = carried.preprocessing
    channels = "one channel" if carried.num_channels == 1 else f"{carried.num_channels} channels"
    turned = (
        AS_TRAINED.format(known=", ".join(carried.orientations), first=carried.orientations[0])
        if told.orientation is None
        else TURNED.format(codes=told.orientation)
    )
    clipped = "" if told.clip is None else f", clipped to {told.clip[0]:g} to {told.clip[1]:g}"
    cropped = "" if told.crop is None else f", the middle {told.crop} x {told.crop} pixels of each slice kept"
    return (
        f"Volumes of {channels}, {turned}{clipped}; mean 0 and standard deviation 1 over each channel of the volume;"
        f" slices along axis {told.slice_axis}{cropped}, resized bilinearly to {told.image_size} x {told.image_size}"
        f" (antialiased where they shrink), rounded to 16 bits. {_spacing(carried)} Logits are resized bilinearly to"
        " the slice's own pixels before the largest is taken."
    )


def _spacing(carried: Carried) -> str:
    given = carried.preprocessing.spacing_mm
    if given is not None:
        return f"Voxels were taken for {' x '.join(f'{size:g}' for size in given)} mm, whatever files say."
    return "Voxel sizes are not changed: a slice is resized by its pixels, not by its millimetres."


def _made(carried: Carried) -> str:
    made = carried.provenance
    counted = "" if made.num_blocks is None else f" with {made.num_blocks} transformer block"
    blocks = counted if made.num_blocks in (None, 1) else f"{counted}s"
    decoder = "" if made.decoder is None else f" and the {made.decoder} decoder"
    files = " and ".join(f"{_plain(name)} (SHA-256 {digest})" for name, digest in made.weights_files.items())
    sentences = (
        f"{_plain(made.network)}{blocks}{decoder}, trained with Trimformer {made.trained_with} on {made.num_training}"
        f" patients of the dataset {_plain(made.dataset)}, seed {made.seed}.",
        f"Its weights began as: {made.began_with}{f', from {files}' if files else ''}.",
        f"These are of the best epoch, in {carried.precision}, exported by Trimformer {version('trimformer')}.",
        f"Fingerprint of the data: {made.fingerprint}. SHA-256 of the run's model and weights: {made.run_digest}.",
    )
    return " ".join(sentences)


def _did(reported: Reported | None) -> str:
    if reported is None:
        return "Nobody has evaluated it: run `trimformer evaluate` on the run, and export it again."
    interval = "" if reported.ci95 is None else " (95 % interval {:.3f} to {:.3f})".format(*reported.ci95)
    return (
        f"Mean Dice {_number(reported.mean_dice)}{interval} on {reported.num_patients} patients ({reported.split}) that"
        " the training did not see, measured with the run's network in 32 bits."
    )


def _unknown(carried: Carried) -> str:
    ranges = carried.intensities or ()
    told = "; ".join(f"{low:g} to {high:g}" for low, high in ranges)
    seen = f"Training scans had intensities of about {told} (channel by channel). " if ranges else ""
    return (
        f"{seen}How the model does on other scanners, protocols, ages and diseases than those of its training scans was"
        " not measured. A label map that looks right is no evidence that it is."
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _plain(text: str) -> str:
    """A name from a file, in which nothing is taken for Markdown or HTML."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#&!" else letter for letter in " ".join(text.split()))
