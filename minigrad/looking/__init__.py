"""To look at a computation: its graph, its numbers, its times, where a NaN comes from."""
