"""Shapes in signatures are checked while the tests run; every test works on data it makes itself."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

from jaxtyping import install_import_hook

install_import_hook("trimformer", "beartype.beartype")
