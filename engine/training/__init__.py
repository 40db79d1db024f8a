"""Training: what can be trained, on what, by which loss, and the loop."""
