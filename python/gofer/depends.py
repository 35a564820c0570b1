"""depends - what a function is given beside its payload: the context, and what Depends names.

    def get_session() -> Iterator[Session]:
        with Session() as session:
            yield session

    @app.task
    def report(month: str, session: Annotated[Session, gofer.Depends(get_session)]) -> None: ...

A plan is made once per function, by its annotations. Each attempt then has a Scope, which makes
every dependency once and closes them in reverse order. No store, no worker.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .hints import Unevaluated, Unknown, hints_of, signature_of

if TYPE_CHECKING:
    from .context import Context

INJECTED: Any = None
"""The default of a parameter that the worker fills, for type checkers: `ctx: gofer.Context =
gofer.INJECTED`. Then calls and `.enqueue(...)` may leave it out in their eyes, too."""


class Depends:
    """In `Annotated[T, Depends(function)]`: give the parameter what the function returns.

    function  plain or async, or a generator (plain or async) that yields once and is resumed after
              the task, with the task's exception if it failed. It may have dependencies of its
              own. Async ones are for async tasks only.
    cache     False: called anew for each parameter, not once per task
    """

    __slots__ = ("cache", "function")

    def __init__(self, function: Callable[..., Any], *, cache: bool = True) -> None:
        if not callable(function):
            raise TypeError(f"Depends needs a function, not {type(function).__name__}")
        self.function: Callable[..., Any] = function
        self.cache: bool = cache

    def __repr__(self) -> str:
        return f"Depends({getattr(self.function, '__qualname__', self.function)})"


class Plan(NamedTuple):
    """What a function is to be given by name."""

    context: tuple[str, ...]
    """Parameters that get the Context."""
    depends: tuple[tuple[str, Depends], ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.context) | {name for name, _ in self.depends}


def plan_of(function: Callable[..., Any]) -> Plan:
    """Look at a function's annotations."""
    from .context import Context

    context, depends = [], []
    for name, hint in hints_of(function).items():
        if name == "return":
            continue
        if any(_is_context(each, Context) for each in (hint, *typing.get_args(hint))):
            context.append(name)  # also where it is optional
        else:
            depends += [(name, mark) for mark in _marks(hint) if isinstance(mark, Depends)][:1]
    return Plan(tuple(context), tuple(depends))


def _is_context(hint: Any, context: type) -> bool:
    if isinstance(hint, Unknown):  # imported for type checkers
        return hint.text in ("Context", "gofer.Context")
    return hint is context


def _marks(hint: Any) -> tuple[Any, ...]:
    return tuple(getattr(hint, "__metadata__", ()))


class Provider(NamedTuple):
    """A dependency's function, looked at once."""

    function: Callable[..., Any]
    plan: Plan
    kind: str
    """ "value", "generator", "coroutine" or "async generator"."""


def provider_of(function: Callable[..., Any]) -> Provider:
    """TypeError: it has a parameter that nothing fills. InvalidArgument: it is not known."""
    if isinstance(function, Unknown):
        raise Unevaluated(function).within("a dependency")
    plan = plan_of(function)
    try:
        parameters = signature_of(function).parameters
    except ValueError:  # a class in C, say: it takes nothing that is known
        parameters = {}  # type: ignore[assignment]
    for name, parameter in parameters.items():
        if (
            name not in plan.names
            and parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ):
            raise TypeError(
                f"{named(function)} is a dependency: nothing fills its parameter '{name}'"
                " (annotate it with gofer.Context or Annotated[..., gofer.Depends(...)], or give it"
                " a default)"
            )
    return Provider(function, plan, _kind(function))


def _kind(function: Callable[..., Any]) -> str:
    real = inspect.unwrap(function)
    if not inspect.isroutine(real) and not inspect.isclass(real):
        real = getattr(type(real), "__call__", real)
    if inspect.isasyncgenfunction(real):
        return "async generator"
    if inspect.iscoroutinefunction(real):
        return "coroutine"
    return "generator" if inspect.isgeneratorfunction(real) else "value"


def named(function: Callable[..., Any]) -> str:
    """A function as messages name it, "shop.tasks.get_session"."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', '?')}.{name}"


class Scope:
    """The dependencies of one attempt. Threads: one."""

    __slots__ = ("_cache", "_context", "_open", "_overrides", "_providers")

    def __init__(
        self,
        context: Context,
        overrides: Mapping[Callable[..., Any], Callable[..., Any]],
        providers: dict[Callable[..., Any], Provider],
    ) -> None:
        self._context = context
        self._overrides = overrides
        self._providers = providers  # shared by all scopes; a provider made twice is the same
        self._cache: dict[Callable[..., Any], Any] = {}
        self._open: list[Any] = []

    def _provider(self, function: Callable[..., Any]) -> Provider:
        function = self._overrides.get(function, function)
        provider = self._providers.get(function)
        if provider is None:
            provider = self._providers[function] = provider_of(function)
        return provider

    def fill(self, plan: Plan) -> dict[str, Any]:
        """What a plain function is given."""
        given: dict[str, Any] = dict.fromkeys(plan.context, self._context)
        for name, depends in plan.depends:
            given[name] = self._value(depends)
        return given

    def _value(self, depends: Depends) -> Any:
        provider = self._provider(depends.function)
        if depends.cache and provider.function in self._cache:
            return self._cache[provider.function]
        if provider.kind not in ("value", "generator"):
            raise TypeError(
                f"{named(provider.function)} is an async dependency: only async tasks can have it"
            )
        value = provider.function(**self.fill(provider.plan))
        if provider.kind == "generator":
            value = self._first(value)
        self._cache[provider.function] = value
        return value

    def _first(self, generator: Any) -> Any:
        try:
            value = next(generator)
        except StopIteration:
            raise RuntimeError(f"{generator.__qualname__} has yielded nothing") from None
        self._open.append(generator)
        return value

    async def afill(self, plan: Plan) -> dict[str, Any]:
        """What an async function is given."""
        given: dict[str, Any] = dict.fromkeys(plan.context, self._context)
        for name, depends in plan.depends:
            given[name] = await self._avalue(depends)
        return given

    async def _avalue(self, depends: Depends) -> Any:
        provider = self._provider(depends.function)
        if depends.cache and provider.function in self._cache:
            return self._cache[provider.function]
        value = provider.function(**await self.afill(provider.plan))
        if provider.kind == "generator":
            value = self._first(value)
        elif provider.kind == "coroutine":
            value = await value
        elif provider.kind == "async generator":
            generator = value
            try:
                value = await generator.__anext__()
            except StopAsyncIteration:
                raise RuntimeError(f"{generator.__qualname__} has yielded nothing") from None
            self._open.append(generator)
        self._cache[provider.function] = value
        return value

    def close(self, error: BaseException | None) -> None:
        """Resume the generators, the last first, each with the error so far: one that raises
        another puts it in its place. Raises what is left of it in the end, unless that is the
        given one."""
        now = error
        while self._open:
            now = _resumed(self._open.pop(), now)
        if now is not None and now is not error:
            raise now

    async def aclose(self, error: BaseException | None) -> None:
        """The same, for async generators too."""
        now = error
        while self._open:
            generator = self._open.pop()
            if hasattr(generator, "__anext__"):
                now = await _aresumed(generator, now)
            else:
                now = _resumed(generator, now)
        if now is not None and now is not error:
            raise now


def _resumed(generator: Any, error: BaseException | None) -> BaseException | None:
    try:
        if error is None:
            next(generator)
        else:
            generator.throw(error)
    except StopIteration:
        return error
    except BaseException as raised:
        return raised
    generator.close()
    return RuntimeError(f"{generator.__qualname__} has yielded twice")


async def _aresumed(generator: Any, error: BaseException | None) -> BaseException | None:
    try:
        if error is None:
            await generator.__anext__()
        else:
            await generator.athrow(error)
    except StopAsyncIteration:
        return error
    except BaseException as raised:
        return raised
    await generator.aclose()
    return RuntimeError(f"{generator.__qualname__} has yielded twice")
