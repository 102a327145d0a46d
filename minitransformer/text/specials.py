"""The four special tokens, which come first in every vocabulary: their ids and their names."""

PAD, START, END, UNKNOWN = 0, 1, 2, 3
SPECIALS = ["<pad>", "<start>", "<end>", "<unknown>"]
