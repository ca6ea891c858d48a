"""The names of one billing database's definitions: assets, jobs, sensors, partitions and resources.

A code location has at most one database without a name; every other database has a name, so that their definitions do
not collide. Add here what else must differ between two databases of one code location. The database that the
environment names is in `settings`.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

RESOURCES = ("billing", "policy")


@dataclass(frozen=True)
class Scope:
    """One billing database of a code location: its name, its URL, and its tenants if they are restricted."""

    name: str = ""
    url: str | None = field(default=None, repr=False)  # it may contain a password
    tenants: tuple[str, ...] | None = None

    def key(self, asset: str | Sequence[str]) -> dg.AssetKey:
        """Return the key of an asset, prefixed with the database's name if it has one."""
        path = [asset] if isinstance(asset, str) else list(asset)
        return dg.AssetKey([self.name, *path] if self.name else path)

    def named(self, name: str) -> str:
        """Return the name of a job, op, sensor or resource, with the database's name as suffix if it has one."""
        return f"{name}_{self.name}" if self.name else name

    @property
    def partitions(self) -> dg.DynamicPartitionsDefinition:
        """The partitions of its assets: one per tenant."""
        return dg.DynamicPartitionsDefinition(name=self.named("tenants"))

    def includes(self, tenant: str) -> bool:
        """Return whether a tenant's key is in this scope."""
        return self.tenants is None or tenant in self.tenants

    def bind(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function of an asset, check, op or sensor with parameters named as this database's resources.

        Dagster passes to each parameter the resource with the same name.
        """
        if not self.name:
            return function
        bound = _bind_generator(function, self) if inspect.isgeneratorfunction(function) else _bind(function, self)
        signature = inspect.signature(function)
        parameters = [one.replace(name=self._parameter(one.name)) for one in signature.parameters.values()]
        bound.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        bound.__annotations__ = {self._parameter(name): kind for name, kind in function.__annotations__.items()}
        return bound

    def unbound(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a bound function under the parameter names of the original function."""
        names = {self.named(one): one for one in RESOURCES}
        return {names.get(name, name): value for name, value in given.items()}

    def _parameter(self, name: str) -> str:
        return self.named(name) if name in RESOURCES else name


def _bind(function: Callable[..., Any], scope: Scope) -> Callable[..., Any]:
    @functools.wraps(function)
    def bound(*args: Any, **given: Any) -> Any:
        return function(*args, **scope.unbound(given))

    return bound


def _bind_generator(function: Callable[..., Any], scope: Scope) -> Callable[..., Any]:
    @functools.wraps(function)
    def bound(*args: Any, **given: Any) -> Iterator[Any]:
        yield from function(*args, **scope.unbound(given))

    return bound


UNNAMED = Scope()
"""The database that the environment names: its definitions have their plain names."""
