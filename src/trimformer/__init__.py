"""How many transformer blocks does a medical segmentation model need? Measured, cut, retrained, compared."""

__version__ = "0.1.0"
