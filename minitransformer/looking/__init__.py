"""Looking into a trained model: attention maps and pictures."""
