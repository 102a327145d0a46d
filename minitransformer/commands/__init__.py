"""The command `minitransformer`, a file for each of its commands."""
