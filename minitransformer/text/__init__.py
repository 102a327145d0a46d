"""The data: special tokens, tokenising, vocabulary and batches (section 5.1 of the paper)."""
