"""How the tests are laid out: what two test modules need is in tests/support, once.

Add a rule here when it is about where test code lives; rules about the package are in `./dev check`.
"""

import ast
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent
MODULES = {path.relative_to(TESTS.parent): ast.parse(path.read_text("utf-8")) for path in TESTS.rglob("*.py")}
SMALLEST = 3
"""A function of fewer lines may stand in two modules: to share it would cost more than it saves."""


def imported_by(module: ast.Module) -> set[str]:
    """Return the dotted names that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def is_test_module(name: str) -> bool:
    return name.startswith("tests.") and name.split(".")[-1].startswith("test_")


def code_of(function: ast.FunctionDef) -> str:
    """Return the statements of a function, without its docstring, in a form that can be compared."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return ast.dump(ast.Module(body, []))


def test_no_test_imports_another_test_module() -> None:
    found = {str(path): set(filter(is_test_module, imported_by(module))) for path, module in MODULES.items()}
    assert {path: names for path, names in found.items() if names} == {}


def test_no_helper_is_defined_twice() -> None:
    """No function has the name and the statements of another module's, nor the statements of a longer one alone."""
    named, unnamed = defaultdict(set), defaultdict(set)
    for path, module in MODULES.items():
        for node in module.body:
            if isinstance(node, ast.FunctionDef):
                named[node.name, code_of(node)].add(str(path))
                if len(ast.unparse(node).splitlines()) > SMALLEST:
                    unnamed[ast.dump(node.args), code_of(node)].add(f"{path}: {node.name}")
    assert [sorted(places) for places in named.values() if len(places) > 1] == []
    assert [sorted(places) for places in unnamed.values() if len(places) > 1] == []
