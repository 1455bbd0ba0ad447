"""What a model is made of: its parameters, its operations, and the pieces that data flow through."""
