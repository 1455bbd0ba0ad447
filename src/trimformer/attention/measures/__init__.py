"""What maps, gradients and states say of how far a block looks."""
