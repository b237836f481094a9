"""The built-in modules of thinking."""
