"""What a trained model loses when attention beyond a radius, or its last blocks, are taken away."""
