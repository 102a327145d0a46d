"""To look at a computation: its graph, a picture of it, its times, where a NaN comes from."""
