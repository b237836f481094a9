"""Names, things and places that stories are told about. Words only."""

from random import Random

NAMES = (
    "Anna Ben Carla David Elena Farid Grace Hugo Ines Jack Kenji Laura Mateo Nadia Omar Priya Quentin Rosa Sam Tara "
    "Umar Vera Will Xenia Yusuf Zoe Alice Bob Charlie Diana Ethan Fatima George Hannah Ivan Julia Kevin Lily Mike "
    "Nina Oscar Paula Rachel Steve Tom Uma Victor Wendy Amir Bella Chen Dmitri Emma Felix Gina Henry Irene James "
    "Karen Liam Mary Noah Olivia Peter Ravi Sara Tim Ursula Vikram Yuki Zack Maria John Lucy Sofia Leo Mia Max Jane "
    "Kate Nick Alex Chris Jordan Taylor Sasha Olga Pavel Igor Natasha Ahmed Aisha Carlos Juan Pedro Luis Marta Ana "
    "Wei Mei Ling Hiro Aiko Raj Anil Sunita Kofi Ama Tunde Zara Lena Hans Greta Pierre Claire Luca Giulia Erik Ingrid"
).split()


def name(rng: Random) -> str:
    """A first name; now and then one that no list has."""
    if rng.random() < 0.06:
        return pseudo(rng).capitalize()
    return rng.choice(NAMES)


def names(rng: Random, count: int) -> list[str]:
    """Different first names."""
    found: list[str] = []
    while len(found) < count:
        candidate = name(rng)
        if candidate not in found:
            found.append(candidate)
    return found


def pseudo(rng: Random) -> str:
    """A pronounceable word that means nothing: the model must not lean on knowing the noun."""
    return "".join(
        rng.choice("b c d f g h j k l m n p r s t v w z br dr fl gr pl st tr sh".split())
        + rng.choice("a e i o u ai ee oo".split())
        for _ in range(rng.randint(2, 3))
    )
