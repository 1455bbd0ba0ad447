"""NiiVue as it was published: the program that draws the volumes, and the licences that go wherever it goes."""

from importlib.resources import files

import numpy as np

from trimformer.report.explorer.encode import packed

VERSION = "0.69.0"

FOLDER = files("trimformer.report.volumes") / "niivue"


def packed_viewer() -> str:
    """The program, deflated and in base64."""
    return packed(np.frombuffer((FOLDER / "niivue.umd.js").read_bytes(), np.uint8))


def licences() -> str:
    """The licences of NiiVue and of all that it holds, as text."""
    return (FOLDER / "LICENSES.txt").read_text(encoding="utf-8")
