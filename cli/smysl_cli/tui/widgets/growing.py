"""A widget that is as large as what it shows, or that scrolls over such a one.

Textual lays the screen out again when one has got its size, for the scroll bars of what is around it; but
those that come or go ask for it themselves, and a text that streams would be laid out twice each time.
"""

from textual.geometry import Size
from textual.widget import Widget


class Growing(Widget):
    """Stands behind a container in a list of bases: styles are inherited from the first one alone."""

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        return super()._size_updated(size, virtual_size, container_size, layout=False)
