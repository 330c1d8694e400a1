"""Training the SAEs that ship: text, one pass of the model for all depths, checkpoints, export."""
