"""The HTTP façade: the APIs that other tools speak, over the same service as the daemon's own socket.

Nothing of it but `front`, `doors` and `bearer` is imported before the first HTTP client comes.
"""
