"""From a trained run to the experiment of a smaller one, to be trained again."""

from collections.abc import Iterable, Sequence
from typing import Any

from trimformer.compression.chosen_blocks import checked_blocks, first_blocks, told
from trimformer.compression.recovery import first_weights
from trimformer.models import load_model
from trimformer.models.cutting import find_blocks
from trimformer.models.foreign import ForeignNetwork
from trimformer.records.choices import Decoder, Recovery
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.model_names import HYBRIDS, OWN_NETWORKS
from trimformer.records.run_folder import RunFolder
from trimformer.records.settings import ModelSettings


def compressed_experiment(
    run: RunFolder,
    blocks: int | Sequence[int],
    decoder: Decoder | None = None,
    weights: Recovery = "inherited",
    overrides: Iterable[str] = (),
) -> Experiment:
    """The run's experiment with fewer blocks; everything else, the recipe included, stays unless it is overridden.

    Of a hybrid the other blocks are gone; in any other network they become identities in their places.

    Args:
        run: A trained run.
        blocks: How many of its first blocks to keep, or which, rising.
        decoder: Of the smaller hybrid; None keeps the run's.
        weights: `pretrained`: what the run itself began from, at these blocks; `inherited`: the run's; `distilled`: the
            run's, with the run as teacher; `scratch`: random.
        overrides: `key=value`, as for `trimformer train`.

    Raises:
        UserError: The run's model has no such blocks or no such decoder, it did not begin from what is asked for, or an
            override changes the model.
    """
    experiment, available = run.experiment(), own_blocks(run)
    kept = first_blocks(blocks, available, run) if isinstance(blocks, int) else checked_blocks(blocks, available, run)
    cut = _smaller_hybrid if experiment.model.name in HYBRIDS else _cut_in_place
    shape = cut(experiment.model, kept, decoder)
    words = [experiment.name, told(kept, available), *filter(None, [shape.get("decoder")]), weights]
    smaller = experiment.with_changes(
        name="-".join(words),
        model=shape | first_weights(run, kept, weights),
        distillation={"teacher": str(run.path.resolve())} if weights == "distilled" else None,
    )
    return _overridden(smaller, list(overrides))


def own_blocks(run: RunFolder) -> tuple[int, ...]:
    """The numbers of the blocks that a run's model has; where some are identities, the others keep theirs.

    Raises:
        UserError: It has none, or they cannot be found in a network that is not ours.
    """
    model = run.experiment().model
    if model.name in HYBRIDS:
        return tuple(range(model.num_blocks or 0))
    if model.name in OWN_NETWORKS:
        raise UserError("A model to compress has transformer blocks", f"none in {run.path}", "Give a hybrid's run.")
    if model.kept_blocks is not None:
        return model.kept_blocks
    foreign = load_model(run.path)
    assert isinstance(foreign, ForeignNetwork)
    return tuple(range(len(find_blocks(foreign.network))))


def _smaller_hybrid(model: ModelSettings, kept: Sequence[int], decoder: Decoder | None) -> dict[str, Any]:
    return {"num_blocks": len(kept), "decoder": decoder or model.decoder}


def _cut_in_place(model: ModelSettings, kept: Sequence[int], decoder: Decoder | None) -> dict[str, Any]:
    if decoder == "compressed":
        raise UserError(
            "Hybrids have a compressed decoder, other networks have their own",
            f"{model.target or model.name} with decoder compressed",
            "Leave --decoder out.",
        )
    return {"kept_blocks": list(kept)}


def _overridden(smaller: Experiment, overrides: list[str]) -> Experiment:
    changed = smaller.with_overrides(overrides)
    taught_by = [experiment.distillation and experiment.distillation.teacher for experiment in (smaller, changed)]
    if changed.model != smaller.model or taught_by[0] != taught_by[1]:
        raise UserError(
            "The smaller model is what --blocks, --decoder and --weights say",
            ", ".join(overrides),
            "Leave out what changes [model] or the teacher.",
        )
    return changed
