"""What the terminal UI shows: daemon events in, state out. Knows no widgets and no sockets."""
