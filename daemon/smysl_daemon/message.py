"""The base of every message on the wire.

Knows how a message is told from others; never which there are.
"""

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Frozen, keyword-only, tagged by `type` on the wire."""
