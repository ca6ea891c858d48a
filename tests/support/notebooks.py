"""Runs the code of a notebook as Jupyter does, without a kernel: one namespace, and the value of a cell's last line.

Only plain text is kept of a value. A notebook whose outputs are to be stored may show nothing that differs from run to
run: no time, no folder, no id of a run.
"""

import ast
import contextlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def code_cells(notebook: Path) -> Iterator[dict[str, Any]]:
    """Yield the cells with code."""
    yield from (one for one in json.loads(notebook.read_text("utf-8"))["cells"] if one["cell_type"] == "code")


def executed(notebook: Path) -> dict[str, Any]:
    """Run all code cells of a notebook in their order, and return the notebook with their outputs."""
    content: dict[str, Any] = json.loads(notebook.read_text("utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    count = 0
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"], cell["outputs"] = count, _outputs("".join(cell["source"]), names, count)
    return content


def _outputs(source: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Run a cell; return what it has printed, and the value of its last line if that is an expression."""
    module, printed, value = ast.parse(source), io.StringIO(), None
    last = module.body.pop() if module.body and isinstance(module.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(printed):
        exec(compile(module, "<cell>", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": _lines(printed.getvalue())})
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        outputs.append({"data": data, "execution_count": count, "metadata": {}, "output_type": "execute_result"})
    return outputs


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(executed(Path(sys.argv[1]))))
