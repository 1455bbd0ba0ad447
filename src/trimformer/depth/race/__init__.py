"""Attention proposes, a race disposes: a few depths are trained again for a few epochs, and the Dice decides."""
