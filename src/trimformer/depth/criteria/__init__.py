"""Every way to choose a depth, behind one signature: what was measured of a model in, a depth or "inconclusive" out."""
