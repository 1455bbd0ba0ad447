"""What is exported: a network, and what its export carries."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trimformer.deploy.deployed import load_trusted
from trimformer.deploy.export.carried import Carried
from trimformer.deploy.trained_on import trained_on
from trimformer.records.choices import Precision
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained `run` with the `model` of its best epoch, on the CPU and in eval mode, and what is `carried`.

    `progress` is told how far an export is that takes long.
    """

    run: RunFolder
    model: nn.Module
    carried: Carried
    progress: Progress = silent

    @classmethod
    def of(
        cls, run: RunFolder, precision: Precision, orientation: str | None = None, trust_target: bool = False
    ) -> "Subject":
        """Load a run.

        Args:
            run: A run that is trained.
            precision: Of the weights in the export.
            orientation: Axis codes to turn every scan to, in place of what the run says.
            trust_target: Whether the user's own network may be imported that the run names.

        Raises:
            UserError: The run is damaged, names code, or does not say how its scans lay.
        """
        known = trained_on(run, orientation)
        model = load_trusted(run, trust_target)
        return cls(run, model, Carried.of(run, known, precision))

    def noise(self, count: int, seed: int = 0) -> Float[Tensor, "slices channels rows columns"]:
        """Slices of the size and channels of the model's, standard normal, which is what preprocessing makes."""
        size = self.carried.image_size
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(count, self.carried.num_channels, size, size, generator=generator)
