"""OpenVINO and NNCF, without the reports of their use that they would send to their makers."""

import logging
import sys
from typing import Any


def load_openvino() -> Any:
    """OpenVINO as a module; unless the program has imported it before, it tells nobody that it is used.

    OpenVINO and NNCF report their import, and what is asked of them, through a package of its own, unless a file in the
    user's home forbids it. Where that package cannot be imported, both go on without: so it is hidden from them.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def load_nncf() -> Any:
    """NNCF as a module, as silent as OpenVINO."""
    load_openvino()
    import nncf

    nncf.set_log_level(logging.ERROR)
    return nncf
