"""How the modules of thinking speak to chat models: one file each, its prompt at the top."""
