"""From a trained network to its predictions on every test set, and from predictions to metrics."""
