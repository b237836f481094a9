"""The pack organised by mathematical relation, each told in many situations and sentence forms.

Knows which modules belong to it; they are listed, not told.
"""

from smysl_forge.scenes import (
    forms_change,
    forms_compare,
    forms_groups,
    forms_mixed,
    forms_numbers,
    forms_parts,
    forms_rates,
)
from smysl_forge.story import Scene

SCENES: dict[str, tuple[float, Scene]] = {
    **forms_compare.SCENES,
    **forms_change.SCENES,
    **forms_groups.SCENES,
    **forms_rates.SCENES,
    **forms_parts.SCENES,
    **forms_numbers.SCENES,
    **forms_mixed.SCENES,
}
