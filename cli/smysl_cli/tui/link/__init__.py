"""The terminal UI's way to the daemon: the blocking client in threads. Knows no widgets."""
