"""Training: settings, the loop, those who listen to it, and workers (section 5 of the paper)."""
