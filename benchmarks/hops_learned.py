"""After how many steps hops are learned: `python benchmarks/hops_learned.py --hops 3 --muon 4e-3 --classes-first 80`.

Trains UNETR (tiny, compressed decoder) on slices of the depth phantom that are drawn anew for every batch, at a
constant rate after a warm-up, and prints the share of right questions of each number of hops every forty steps. Ends
when all are at 0.97, or with 1 when the steps are over. Without `--muon` AdamW moves all weights.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from trimformer.data.phantom.board import GRID, Board, draw_board
from trimformer.data.phantom.paint import CONTRAST, GREY, PATCH, paint_image, paint_labels
from trimformer.models import create_model
from trimformer.records.settings import TrainingSettings
from trimformer.training.loss import dice_cross_entropy
from trimformer.training.optimizer import create_optimizer
from trimformer.training.written_out import write_out_attention

NUM_CLASSES = 5
BATCH_SIZE = 8
WARMUP_STEPS = 40
EVERY = 40
TEST_SLICES = 32
SOLVED = 0.97


def main() -> None:
    """Train and print; 0 as soon as all hops are found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hops", type=int, choices=(1, 2, 3), default=2)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--classes-first", type=int, default=0, metavar="STEPS", help="on riddles without hops, before")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--muon", type=float, help="rate of Muon, for the matrices of the blocks")
    parser.add_argument("--beta2", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    settings = TrainingSettings(learning_rate=given.learning_rate, muon_learning_rate=given.muon, beta2=given.beta2)
    torch.manual_seed(given.seed)
    random = np.random.default_rng(given.seed)
    model = network(given.blocks)
    for _ in training(model, settings, 0, given.classes_first, random):
        pass
    sys.exit(not solved(model, settings, given.hops, given.steps, random))


def network(blocks: int) -> torch.nn.Module:
    """The model of `studies/phantom.toml`, about to be trained."""
    model = create_model(
        "unetr",
        num_classes=NUM_CLASSES,
        num_blocks=blocks,
        size="tiny",
        patch_size=PATCH,
        image_size=GRID * PATCH,
        decoder="compressed",
        weights="none",
    )
    model = model.train().to(memory_format=torch.channels_last)
    write_out_attention(model, torch.device("cpu"), "bf16-mixed")
    return model


def solved(
    model: torch.nn.Module, settings: TrainingSettings, hops: int, steps: int, random: np.random.Generator
) -> bool:
    """Whether all hops were found within the steps."""
    test = [draw_board(random, hops) for _ in range(TEST_SLICES)]
    begin = time.perf_counter()
    for step in training(model, settings, hops, steps, random):
        if step % EVERY == 0:
            shares = right_questions(model, test, random, hops)
            told = "  ".join(f"{hops} hops: {share:.2f}" for hops, share in shares.items())
            sys.stdout.write(f"{step} steps  {told}  ({time.perf_counter() - begin:.0f} s)\n")
            sys.stdout.flush()
            if min(shares.values()) >= SOLVED:
                return True
    return False


def training(
    model: torch.nn.Module, settings: TrainingSettings, hops: int, steps: int, random: np.random.Generator
) -> Iterator[int]:
    """Take the steps one by one, counted from 1, with an optimiser of their own."""
    optimizer = create_optimizer(model, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARMUP_STEPS))
    for step in range(1, steps + 1):
        boards = [draw_board(random, hops) for _ in range(BATCH_SIZE)]
        labels = torch.from_numpy(np.stack([paint_labels(board) for board in boards])).long()
        optimizer.zero_grad()
        dice_cross_entropy(logits(model, boards, random), labels).backward()
        optimizer.step()
        schedule.step()
        yield step


def logits(model: torch.nn.Module, boards: Sequence[Board], random: np.random.Generator) -> Tensor:
    """Of painted slices, with noise drawn anew: float32 (slices, classes, rows, columns)."""
    images = np.stack([(paint_image(board, random) - GREY) / CONTRAST for board in boards])
    batch = torch.from_numpy(images)[:, None].contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        found: Tensor = model(batch)
    return found.float()


def right_questions(
    model: torch.nn.Module, boards: Sequence[Board], random: np.random.Generator, hops: int
) -> dict[int, float]:
    """Of each number of hops: the share of questions whose commonest class in the patch is theirs.

    The model stays in training mode, its BatchNorm with the statistics of these slices.
    """
    with torch.no_grad():
        classes = logits(model, boards, random)[:, 1:].argmax(1) + 1
    patches = classes.view(-1, GRID, PATCH, GRID, PATCH).permute(0, 1, 3, 2, 4).flatten(3)
    found = patches.mode(-1).values.numpy()
    truth = np.stack([board.labels for board in boards])
    needed = np.stack([np.where(board.questions, board.hops, 0) for board in boards])
    return {count: float((found == truth)[needed == count].mean()) for count in range(1, hops + 1)}


if __name__ == "__main__":
    main()
