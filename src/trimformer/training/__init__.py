"""From an experiment to a run folder with trained weights."""

from trimformer.training.train import train

__all__ = ["train"]
