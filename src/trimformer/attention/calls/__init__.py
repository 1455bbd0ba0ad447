"""What happens in a forward pass of any network: which functions attend, and where on the image their tokens lie."""
