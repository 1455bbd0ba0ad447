"""`trimformer inspect`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, print_table, progress_bars

COLUMNS = {
    "distance mm": "foreground/distance_mm",
    "ratio to uniform": "foreground/distance_ratio",
    "far-field ratio": "foreground/far_field_ratio",
    "mixing": "foreground/mixing",
    "entropy": "foreground/entropy",
    "q-k information": "foreground/query_key_information",
}


def inspect(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    json: JsonOption = False,
) -> None:
    """Measure what every block's attention looks at."""
    import numpy as np

    from trimformer.records.run_folder import RunFolder

    folder = RunFolder.open(run)
    from trimformer.attention.inspect_run import inspect_run

    with progress_bars(shown=not json) as progress:
        profile = inspect_run(folder, progress)
    if json:
        print_json({"profile": str(folder.profile_file), "arrays": str(folder.profile_arrays)})
        return
    means = {title: np.nanmean(profile.model[key], axis=(0, 2)) for title, key in COLUMNS.items()}
    field = np.nanmean(profile.model["foreground/norm_weighted/far_field_ratio"], axis=0)
    rows = [
        [str(block + 1), *(f"{values[block]:.3f}" for values in means.values()), f"{field[block]:.3f}"]
        for block in range(profile.num_blocks)
    ]
    title = f"Foreground queries and keys, means over {len(profile.patient_ids)} patients and {profile.num_heads} heads"
    print_table(title, ("block", *means, "cumulative field"), rows)
