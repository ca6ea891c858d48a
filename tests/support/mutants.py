"""A mutation run over billing/ and rules/: `./dev mutants`, on a random sample of each module's mutants.

Which code is mutated and which tests evaluate it is in [tool.mutmut] of pyproject.toml. Add nothing here but how the
sample is drawn and the result is shown; a mutant that survives calls for a row in a table of tests/rules.
"""

import argparse
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path("mutants")
MUTMUT = [sys.executable, "-m", "mutmut"]
COLUMNS = ("caught", "survived", "no test", "equivalent", "not run")
STATUS = {0: "survived", 1: "caught", 3: "caught", 5: "no test", 33: "no test", None: "not run"}
"""What mutmut's exit codes of a mutant's tests mean; the others are time-outs and crashes, which are caught too."""
A_NAME = re.compile(r"\.(?:alias|cte|subquery)\([^()]*\)|\bname: str = \"\w*\"")
"""What names a subquery. Nobody reads the name, so a mutant that changes nothing else is equivalent."""
NO_MUTANT = "no mutant has this name"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sample of the mutants; return 0 if at least 95 of 100 were caught."""
    asked = _options().parse_args(arguments)
    if not asked.again:
        shutil.rmtree(FOLDER, ignore_errors=True)
    print("Generating the mutants, and measuring which tests run which function ...", flush=True)
    # mutmut has no command for this alone: asked for a mutant that there is not, it stops afterwards.
    subprocess.run([*MUTMUT, "run", NO_MUTANT], capture_output=True, check=False)
    names = _sample(_results(), asked.number, asked.seed, asked.only)
    print(f"{len(names)} mutants, seed {asked.seed}: ./dev mutants {asked.number} --seed {asked.seed}", flush=True)
    _run(names, asked.minutes * 60)
    return _show({name: _results()[name] for name in names})


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="./dev mutants", description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("number", type=int, nargs="?", default=30, help="how many mutants of each module (30)")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000), help="of the sample")
    options.add_argument("--minutes", type=float, default=8, help="how long the mutants may run (8)")
    options.add_argument("--only", default="", help="only mutants with this text in their names")
    options.add_argument("--again", action="store_true", help="use the last run's mutants: only tests have changed")
    return options


def _results() -> dict[str, str]:
    """Return every mutant's status by its name, as mutmut keeps it beside each module."""
    found: dict[str, str] = {}
    for file in sorted(FOLDER.glob("meter_assets/**/*.meta")):
        codes = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
        found |= {name: STATUS.get(code, "caught") for name, code in codes.items()}
    if not found:
        raise SystemExit("mutmut has generated no mutants; run 'mutmut run' to see why.")
    return found


def _sample(names: dict[str, str], number: int, seed: int, only: str) -> list[str]:
    """Return so many mutants of each module, or all where there are fewer."""
    by_module: dict[str, list[str]] = {}
    for name in sorted(names):
        if only in name:
            by_module.setdefault(_module_of(name), []).append(name)
    chosen = random.Random(seed)
    return [one for found in by_module.values() for one in chosen.sample(found, min(number, len(found)))]


def _module_of(name: str) -> str:
    return name.rpartition(".")[0]


def _run(names: Sequence[str], seconds: float) -> None:
    """Run mutants until they are done or the time is over; those that are not reached stay 'not run'."""
    for file in FOLDER.glob("meter_assets/**/*.meta"):
        kept = json.loads(file.read_text(encoding="utf-8"))
        kept["exit_code_by_key"] = dict.fromkeys(kept["exit_code_by_key"])
        file.write_text(json.dumps(kept), encoding="utf-8")
    until = time.monotonic() + seconds
    with (FOLDER / "run.log").open("w", encoding="utf-8") as log:
        command = [*MUTMUT, "run", "--max-children", "2", *names]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            process.wait(until - time.monotonic())
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.wait()


def _show(results: dict[str, str]) -> int:
    for name, status in results.items():
        if status in ("survived", "no test"):
            lines = _difference(name)
            if _differs_by_a_name(lines):
                results[name] = "equivalent"
            else:
                print(f"\n{name}: {status}", *lines, sep="\n  ")
    print(f"\n{'module':<55}" + "".join(f"{word:>11}" for word in COLUMNS))
    for module in sorted({_module_of(name) for name in results}):
        _line(module, Counter(status for name, status in results.items() if _module_of(name) == module))
    in_all = Counter(results.values())
    _line("in all", in_all)
    run = len(results) - in_all["not run"] - in_all["equivalent"]
    share = 100 * in_all["caught"] / run if run else 0
    print(f"\n{in_all['caught']} of {run} mutants were caught, {share:.1f} of 100.")
    return 0 if share >= 95 else 1


def _difference(name: str) -> list[str]:
    """Return the lines of a module that a mutant takes out, and those that it puts there."""
    shown = subprocess.run([*MUTMUT, "show", name], capture_output=True, text=True, check=False).stdout
    return [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def _differs_by_a_name(lines: Sequence[str]) -> bool:
    without, with_it = ([A_NAME.sub("", line[1:]) for line in lines if line[0] == sign] for sign in "-+")
    return without == with_it


def _line(name: str, counts: Counter[str]) -> None:
    print(f"{name:<55}" + "".join(f"{counts[word]:>11}" for word in COLUMNS))


if __name__ == "__main__":
    sys.exit(main())
