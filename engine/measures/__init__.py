"""How good samples are: judges, distances, and the evaluation of a model."""
