"""What is drawn of the model. Widgets post messages; only screens talk to the daemon."""
