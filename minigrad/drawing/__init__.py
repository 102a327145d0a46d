"""A picture of a recorded graph, and a page that plays backward over it."""
