"""The rooms import one way, and starting costs nothing."""

import subprocess
import sys
from pathlib import Path

import trimformer

ROOT = Path(__file__).parents[1]


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout


def test_imports_go_one_way() -> None:
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_importing_the_package_or_its_command_line_loads_no_heavy_library() -> None:
    heavy = {"torch", "monai", "timm", "lightning", "nilearn", "matplotlib", "scipy"}
    code = "import sys, trimformer, trimformer.cli.app; print(*(m for m in sys.modules if '.' not in m))"
    assert not heavy & set(python(code).split())


def test_every_public_name_is_there() -> None:
    assert trimformer.__all__ == sorted(trimformer.__all__)
    for name in trimformer.__all__:
        assert getattr(trimformer, name).__name__ == name
