"""`make bench PART=lives ARGS="--rounds 3"`: measures a part, or all; each writes build/bench/<part>.json.

`make performance` turns what was measured into docs/performance.md.
"""

import sys
from argparse import ArgumentParser
from importlib import import_module

import registers
from results import keep

PARTS = ("lives", "opening", "lateness", "holding", "histories", "peers")
AT_SIZES = ("lives", "opening")


def main(words: list[str]) -> int:
    """Measure the part that is named first, or all of them."""
    named = words[:1] if words and not words[0].startswith("-") else []
    for part in named or PARTS:
        module = import_module(part)
        parser = ArgumentParser(prog=f"make bench PART={part}", description=module.__doc__)
        module.options(parser)
        if part in AT_SIZES:
            registers.options(parser)
        wanted = parser.parse_args(words[len(named) :]) if named else parser.parse_known_args(words)[0]
        print(f"--- {part}", flush=True)
        keep(part, module.measure(wanted))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
