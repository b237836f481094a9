"""`smysl mcp`: the daemon as tools of the Model Context Protocol, over standard input and output."""
