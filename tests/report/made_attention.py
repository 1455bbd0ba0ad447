"""A profile and a slice with the attention of two heads, made up, small and quick to draw."""

import numpy as np

from trimformer.records.attention_example import AttentionExample, ClassRelevance, half_residual_rollout
from trimformer.records.causal_radius import CausalRadius
from trimformer.records.measured_run import MeasuredRun
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.profile import FIELD_MEASURES, FIELDS, MEASURES, REGIONS, AttentionProfile
from trimformer.records.skipped_blocks import SkippedBlocks

BLOCKS, HEADS, PATIENTS, GRID, PIXELS = 3, 2, 4, (4, 3), (16, 12)
PATCHES = GRID[0] * GRID[1]


def small_profile(seed: int = 0, blocks: int = BLOCKS, with_foreground: bool = True) -> AttentionProfile:
    random = np.random.default_rng(seed)

    def group() -> dict[str, np.ndarray]:
        measures = {f"{r}/{m}": random.uniform(0.2, 0.9, (PATIENTS, blocks, HEADS)) for r in REGIONS for m in MEASURES}
        for region in REGIONS:
            for field in FIELDS:
                for measure in FIELD_MEASURES:
                    measures[f"{region}/{field}/{measure}"] = random.uniform(0.2, 0.9, (PATIENTS, blocks))
        if not with_foreground:
            measures |= {key: np.full_like(array, np.nan) for key, array in measures.items() if key[0] == "f"}
        return measures

    example = small_example(seed, blocks)
    return AttentionProfile(
        patient_ids=tuple(f"patient {number}" for number in range(PATIENTS)),
        block_names=tuple(f"blocks.{number}" for number in range(blocks)),
        num_heads=HEADS,
        grid_size=GRID,
        model=group(),
        twin=group(),
        uniform={f"{region}/{measure}": np.full(PATIENTS, 0.7) for region in REGIONS for measure in MEASURES},
        example={"image": example.image, "foreground": example.foreground, "maps": example.maps.mean(axis=1)},
    )


def small_example(seed: int = 0, blocks: int = BLOCKS) -> AttentionExample:
    """The slice is the same for every seed, the attention is not."""
    random = np.random.default_rng(seed)
    image = np.random.default_rng(9).normal(size=PIXELS).astype(np.float32)
    foreground = np.zeros(PIXELS, dtype=bool)
    foreground[3:12, 2:11] = True
    maps = random.dirichlet(np.ones(PATCHES), (blocks, HEADS, PATCHES)).astype(np.float32)
    rollout = half_residual_rollout(maps.mean(axis=1))
    return AttentionExample(
        image=image,
        foreground=foreground,
        grid_size=GRID,
        maps=maps,
        fields={"norm_weighted": rollout**2 / (rollout**2).sum(axis=-1, keepdims=True), "half_residual": rollout},
        components=random.normal(size=(blocks + 1, PATCHES, 3)),
        explained=np.full((blocks + 1, 3), 0.25),
        spacing_mm=(4.0, 5.0),
        patient_id="patient 1",
        slice_index=7,
        towards=("R", "A"),
        relevance={"disc": ClassRelevance(foreground, random.random((blocks, PATCHES)))},
    )


def small_measured(blocks: int = BLOCKS) -> MeasuredRun:
    """All that a run folder may hold, of as many patients as the profile has."""
    random = np.random.default_rng(4)
    ids, names = tuple("abcd"), tuple(f"blocks.{number}" for number in range(blocks))
    about = {"block_names": list(names), "organs": ["liver", "pancreas", "left_kidney"]}

    def values(*shape: int) -> np.ndarray:
        return random.uniform(0.2, 0.9, (PATIENTS, *shape))

    fields = {
        f"{region}/{measure}": values(blocks + 1)
        for region in REGIONS
        for measure in ("far_field_ratio", "far_query_share", "outside_share")
    }
    pictures = {f"{region}/centred": random.random((blocks + 1, 7, 5)) for region in REGIONS}
    alike = {f"{region}/cka": values(blocks + 1, blocks + 1) for region in REGIONS}
    alike |= {f"{region}/block_influence": values(blocks) for region in REGIONS}
    between = {name: values(blocks, HEADS, 3, 3) for name in ("share", "over_uniform")}
    radii, whole = (0.0, 8.0, 16.0), values()
    only, up_to = (whole[:, None, None] - 0.3 * random.random((PATIENTS, 3, blocks)) for _ in range(2))
    return MeasuredRun(
        PatientMeasures(ids, fields, pictures, about),
        PatientMeasures(ids, alike, {}, about),
        PatientMeasures(ids, between, {}, about),
        CausalRadius(ids, radii, names, 0, whole, only, up_to),
        SkippedBlocks(ids, names, values(blocks + 1)),
    )
