"""How much of the machine's memory a network takes, whatever computes it: as the operating system counts it."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from pathlib import Path

from trimformer.inference.latency import BATCH_SIZE
from trimformer.inference.memory import MEGABYTE
from trimformer.inference.predict import Network
from trimformer.inference.sized_network import noise_slices

STATUS = Path("/proc/self/status")
"""Where Linux tells a process how much memory it has, and has had at most."""

CLEAR_PEAK = "5"
"""Written to `clear_refs`, it makes Linux count the peak anew."""


def resident_growth_mb(
    reopen: Callable[[], Network], in_channels: int, image_size: int, libraries: Sequence[str] = ()
) -> float | None:
    """By how much a process of its own grows with a network and a batch of 8 slices, in megabytes of 10^6 bytes.

    The largest resident size while the batch is segmented is taken, over that before the network was there: its
    weights, what lies between two operations, and what a library keeps for itself. What loading alone needs does not
    count.

    Args:
        reopen: Gives the network in another process, and so can be pickled.
        in_channels: Channels of a slice.
        image_size: Rows and columns of the slices, in pixels.
        libraries: Modules whose own size does not count.

    Returns:
        The growth, or None where the system does not tell (only Linux does) or ended that process for want of memory.
    """
    if not STATUS.exists():
        return None
    # Copies of a process that has loaded torch and computed nothing, which is safe to copy and quick.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as process:
        try:
            return process.submit(_growth_mb, reopen, in_channels, image_size, libraries).result()
        except BrokenProcessPool:
            return None


def resident_bytes(line: str) -> int:
    """`VmRSS`, what this process has in memory, or `VmHWM`, the most that it had; 0 where the system does not tell."""
    lines = STATUS.read_text().splitlines() if STATUS.exists() else []
    return next((int(text.split()[1]) * 1024 for text in lines if text.startswith(f"{line}:")), 0)


def _growth_mb(reopen: Callable[[], Network], in_channels: int, image_size: int, libraries: Sequence[str]) -> float:
    for library in libraries:
        import_module(library)
    images = noise_slices(BATCH_SIZE, in_channels, image_size)
    before = resident_bytes("VmRSS")
    network = reopen()
    Path("/proc/self/clear_refs").write_text(CLEAR_PEAK)
    network(images)
    return (resident_bytes("VmHWM") - before) / MEGABYTE
