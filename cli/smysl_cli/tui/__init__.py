"""The terminal UI: `smysl tui`.

`model` is what is shown, without a terminal; `link` is the way to the daemon; `widgets`,
`dialogs` and `screens` draw the one and use the other. Textual is imported by these three alone.
"""
