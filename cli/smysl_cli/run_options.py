"""Options of every command that runs something, each declared once.

Knows names and help texts; never what a run does with them.
"""

from smysl_cli.declared import Flag

ADAPTER = Flag(
    ("--adapter", "-a"), metavar="NAME", help="An adapter of the model.", offers="adapters"
)
BUDGET_TOKENS = Flag(("--budget-tokens",), metavar="N", minimum=1, help="Spend at most this.")
BUDGET_CALLS = Flag(
    ("--budget-calls",), metavar="N", minimum=1, help="Call the model at most so often."
)
BUDGET_SECONDS = Flag(
    ("--budget-seconds",), metavar="S", minimum=0.001, help="Take at most this long."
)
RECALL = Flag(
    ("--recall",), metavar="N", help="Let at most N memories fall into it; 20 at most, 0 none."
)
OPTION = Flag(("--option", "-o"), metavar="KEY VALUE", help="Set the program's KEY to JSON.")
SEED = Flag(("--seed",), help="The same seed gives the same nodes.")
STREAM = Flag(("--stream/--no-stream",), help="Show nodes as they arrive, or only the end.")
JSON = Flag(("--json",), help="Print one JSON object; with --stream, JSON lines.")
QUIET = Flag(("--quiet", "-q"), help="Only the answer.")
VERBOSE = Flag(("--verbose", "-v"), help="A line per node, with its cost.")
USAGE = Flag(("--usage", "-u"), help="Show tokens and time at the end.")
