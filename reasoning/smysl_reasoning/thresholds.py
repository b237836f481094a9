"""When an answer may be called verified, and when it is not worth showing as one."""

import msgspec


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Chosen on data for each model and kept beside its engine; the defaults are for a model nobody
    measured."""

    agreement: float = 1.0
    """Least share of independent derivations that reach the answer, for "verified"."""
    check: float = 0.99
    """Least probability of the trained checker, for "verified"."""
    decline: float = 0.3
    """An agreement below this is "not confident": no answer is given."""
    derivations: int = 3
    """Fewest independent derivations, for "verified": one that agrees with itself proves
    nothing."""

    def __post_init__(self) -> None:
        for name in ("agreement", "check", "decline"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"threshold {name} is {value}; it must be from 0 to 1")
        if self.derivations < 1:
            raise ValueError(f"threshold derivations is {self.derivations}; it must be at least 1")
