"""The attention of one forward pass of any network, kept until the pass is over and its blocks can be named."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trimformer.attention.calls.follow import Event, follow
from trimformer.attention.calls.fused import Heads
from trimformer.attention.calls.positions import PositionTracer
from trimformer.attention.calls.token_places import traced_places
from trimformer.attention.recording.complete import check_complete
from trimformer.attention.recording.recorded import Recording, Wanted, append
from trimformer.attention.recording.staged import name_attentions
from trimformer.attention.transformer.found_grid import common_grid
from trimformer.attention.transformer.naming import nothing_recorded
from trimformer.attention.transformer.observe import full_precision
from trimformer.attention.transformer.token_grid import TokenGrid


@contextmanager
def record_any(model: nn.Module, recording: Recording, wanted: Wanted, grid: TokenGrid | None) -> Iterator[None]:
    """Record a network that is not ours while it runs.

    Raises:
        UserError: Nothing was recorded, what was cannot be named, or its tokens are not those of the grid.
    """
    recorder = _PassRecorder(model, recording, wanted, grid)
    with follow(model, recorder.tell, recorder.end, PositionTracer()):
        yield
    if not recording.maps:
        raise nothing_recorded(model, recorder.events)


class _PassRecorder:
    def __init__(self, model: nn.Module, recording: Recording, wanted: Wanted, grid: TokenGrid | None) -> None:
        self.events: list[Event] = []
        self._seen: list[dict[str, Tensor]] = []
        self._image: tuple[int, ...] | None = None
        self._model, self._recording, self._wanted, self._grid = model, recording, wanted, grid

    @torch.no_grad()
    def tell(self, event: Event, heads: Heads | None) -> None:
        """Keep what happened; a pass that failed is forgotten as the next one begins."""
        if event.kind == "module" and len(event.stack) == 1:
            self.events, self._seen = [], []
        self.events.append(event)
        if self._image is None and heads is None and event.shapes and len(event.shapes[0]) in (4, 5):
            self._image = event.shapes[0]
        if heads is not None:
            with full_precision(heads.query):
                self._seen.append(self._wanted.of(heads))

    def end(self) -> None:
        """Name the blocks of a pass, and hand over what they did."""
        if not self._seen:
            return
        names = name_attentions(self._model, self.events)
        if self.events[0].kind == "module" and self.events[0].stack == ("",):
            check_complete(self._model, self.events, names)
        attentions = [event for event in self.events if event.kind == "attention"]
        for name, kept, event in zip(names, self._seen, attentions, strict=True):
            self._place(name, event)
            append(self._recording, name, kept)
        self._lay()

    def _place(self, name: str, event: Event) -> None:
        if event.ends is None or self._image is None or name in self._recording.grids:
            return
        if (places := traced_places(*event.ends, batch=self._image[0])) is not None:
            self._recording.grids[name] = places

    def _lay(self) -> None:
        """One grid for all blocks: the one told, or where they were seen to agree, or the one that fits."""
        attentions = [event for event in self.events if event.kind == "attention"]
        if grid := self._grid or (self._image and common_grid(self._model, attentions, self._image)):
            self._recording.lay(grid, told=self._grid is not None)
