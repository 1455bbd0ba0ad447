"""Evaluations made of numbers, with every kind of empty mask in them."""

from collections.abc import Mapping

import numpy as np

from trimformer.evaluation.scores import mean_over_classes, summarise_label
from trimformer.records.evaluation import Evaluation, Score

LABELS = {1: "wall", 2: "scar"}


def made_evaluation(seed: int, level: float = 0.8, patients: int = 9, labels: Mapping[int, str] = LABELS) -> Evaluation:
    """Scores around a level; the first patient lacks the second class, the next has a false alarm, the third a miss."""
    names, second = list(labels.values()), labels[2]
    random = np.random.default_rng(seed)
    scores = {}
    for index in range(patients):
        dice = {name: float(np.clip(level + random.normal(0, 0.05), 0, 1)) for name in names}
        of_patient = {
            name: Score(dice=value, hd95_mm=random.uniform(1, 5), surface_dice=random.uniform(), case="both")
            for name, value in dice.items()
        }
        scores[f"p{index}"] = of_patient
    scores["p0"][second] = Score(dice=None, hd95_mm=None, surface_dice=None, case="absent")
    scores["p1"][second] = Score(dice=0.0, hd95_mm=None, surface_dice=0.0, case="false_alarm")
    scores["p2"][second] = Score(dice=0.0, hd95_mm=300.0, surface_dice=0.0, case="missed")
    mean, interval = mean_over_classes(scores)
    return Evaluation(
        labels=dict(labels),
        grid="native",
        split="validation",
        checkpoint="best",
        patients=scores,
        summary={name: summarise_label(of[name] for of in scores.values()) for name in names},
        mean=mean,
        ci95=interval,
    )
