"""The drawing of a model: pieces laid out, drawn, and explained."""
