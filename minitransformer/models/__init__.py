"""The models, and the contract that every one of them keeps (section 3 of the paper)."""
