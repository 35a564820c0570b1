"""workflows - plans of steps that run after one another, as they are written down: chain, group,
flow.

    plan = gofer.chain(
        fetch.item("https://example.org/sales.csv"),
        gofer.group(count.item(part) for part in range(3)),
        total.item(),
        gofer.step(mail.item("ann@example.org"), rule="always"),
    )
    app.flows.start(plan, id="sales-2027-01-01")

Nothing here asks the store: `app.flows` does (flows.py). docs/flows.md has the rules. Threads: any;
plans do not change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Optional, Union

from .errors import InvalidArgument
from .native import lib
from .put import Mold
from .task import Enqueuer, Item, word_of

Rule = Literal["success", "failure", "always"]
"""How a step must have ended for one that comes after it to run."""
After = Union[str, Sequence[str], Mapping[str, Rule], None]

RULES: dict[str, int] = {
    "success": lib.GOFER_AFTER_SUCCESS, "failure": lib.GOFER_AFTER_FAILURE,
    "always": lib.GOFER_AFTER_ALWAYS,
}  # fmt: skip
NAME_BYTES = 100
"""Of a name that is made here, without its number; a name may have 128."""


class Step(NamedTuple):
    """A task to be, and what it comes after: see step()."""

    item: Item
    name: Optional[str]
    after: Mapping[str, Rule]
    rule: Rule
    each: Optional[str] = None
    """It is run for each item of the list that this step leaves; "": the one before it in a
    chain."""


def step(
    item: Item, name: str | None = None, *, after: After = None, rule: Rule = "success"
) -> Step:
    """A step of a plan.

    item   the task: task.item(...), app.item(...). It has no id, unique lock, group and debounce
           of its own
    name   what it is told apart by; None: as its function is called, and with a number if several
           are: "count-1", "count-2"
    after  the names of the steps that it comes after, "part-*" for all that begin so, or a mapping
           of names to rules: "success" (the default), "failure", "always". In a chain it comes
           after the part before it, too
    rule   the rule for what it comes after by its place in a chain

    InvalidArgument: there is no such rule.
    """
    if isinstance(after, str):
        after = {after: "success"}
    elif not isinstance(after, Mapping):
        after = {each: "success" for each in after or ()}
    for each in (rule, *after.values()):
        word_of(RULES, each, "rule")
    return Step(item, name, after, rule)


def each(task: Enqueuer[..., Any], name: str | None = None, *, of: str | None = None) -> Step:
    """A step that is run for each item of the list that another has returned, as many times beside
    each other. What comes after it comes after all of them.

    task  the task, or task.options(...); its arguments are the items: what the other step returns
          is a list of task.item(...), or of plain arguments {"name": value}, or more(...)
    name  as step's; those that are made of it are called "name.1", "name.2" and so on
    of    the name of the step with the list; None: the one before it in a chain
    """
    return Step(Item(task.mold, b""), name, {}, "success", of or "")


class Placed(NamedTuple):
    """A step as the store is given it."""

    name: str
    mold: Mold
    payload: bytes
    after: Mapping[str, Rule]
    each: Optional[str]


class _Node(NamedTuple):
    step: Step
    after: tuple[tuple[int, Rule], ...]
    """Steps of the same plan, by their place."""
    each: Optional[int] = None
    """The one with its list, by its place."""

    def moved(self, by: int, more: Iterable[tuple[int, Rule]] = ()) -> _Node:
        after = (*((at + by, rule) for at, rule in self.after), *more)
        return _Node(self.step, after, None if self.each is None else self.each + by)

    def behind(self, base: int, ends: Sequence[int]) -> _Node:
        """The same in a chain, after these steps."""
        if self.step.each is None:
            return self.moved(base, [(end, self.step.rule) for end in ends])
        if len(ends) != 1:
            raise InvalidArgument(
                f"a step that is run for each item of a list comes after {len(ends)} steps, and"
                " has to come after the one with the list"
            )
        return _Node(self.step, (), ends[0])


class Plan:
    """Steps that run after one another. Made by chain, group and flow, which take plans, too."""

    __slots__ = ("_nodes",)

    def __init__(self, nodes: Sequence[_Node]) -> None:
        self._nodes = tuple(nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __repr__(self) -> str:
        return f"<gofer.Plan of {len(self)} steps>"

    def first(self) -> set[int]:
        """Those that come after no other of the plan."""
        named = self._named()
        return {
            at for at, node in enumerate(self._nodes)
            if not node.after and node.each is None and not node.step.each
            and not any(_meets(each, named) for each in node.step.after)
        }  # fmt: skip

    def last(self) -> list[int]:
        """Those that no other of the plan comes after."""
        before = {at for node in self._nodes for at, _ in node.after}
        before.update(node.each for node in self._nodes if node.each is not None)
        words = {each for node in self._nodes for each in node.step.after}
        words.update(node.step.each for node in self._nodes if node.step.each)
        exact = {word for word in words if not word.endswith("*")}
        prefixes = tuple(word[:-1] for word in words if word.endswith("*"))
        return [
            at for at, node in enumerate(self._nodes)
            if at not in before and node.step.name not in exact
            and not (prefixes and (node.step.name or "").startswith(prefixes))
        ]  # fmt: skip

    def _named(self) -> set[str]:
        return {node.step.name for node in self._nodes if node.step.name is not None}

    def names(self) -> list[str]:
        """What its steps are called, in their order."""
        taken = self._named()
        own = [node.step.name or _base(node.step.item.type) for node in self._nodes]
        alike = Counter(
            name for name, node in zip(own, self._nodes) if node.step.name is None
        )  # fmt: skip
        numbers: Counter[str] = Counter()
        for at, node in enumerate(self._nodes):
            base = own[at]
            if node.step.name is not None or (alike[base] == 1 and base not in taken):
                continue
            numbers[base] += 1
            while f"{base}-{numbers[base]}" in taken:
                numbers[base] += 1
            own[at] = f"{base}-{numbers[base]}"
        return own

    def placed(self) -> Iterator[Placed]:
        """Its steps as the store is given them. InvalidArgument: one comes after too many that
        have no beginning of their names in common."""
        names = self.names()
        for name, node in zip(names, self._nodes):
            after: dict[str, Rule] = {names[at]: rule for at, rule in node.after}
            after.update(node.step.after)
            if len(after) > lib.GOFER_FLOW_AFTER_MAX:
                after = _shorter(name, after, names)
            list_of = names[node.each] if node.each is not None else node.step.each
            if list_of == "":
                raise InvalidArgument(
                    f"step '{name}' is run for each item of a list, and no step with a list stands"
                    " before it in a chain"
                )
            yield Placed(name, node.step.item.mold, node.step.item.payload, after, list_of)


Part = Union[Item, Step, Plan]
"""What plans are made of."""


def chain(*parts: Part | Iterable[Part]) -> Plan:
    """Parts that run one after the other: each when all of the part before it is done. A group and
    a step behind it is what Celery calls a chord. InvalidArgument: two parts of which one comes
    after the other have more links (200,000) than a flow may have."""
    nodes: list[_Node] = []
    ends: list[int] = []
    for part in _parts(parts):
        plan = _plan_of(part)
        base, first = len(nodes), plan.first()
        if len(ends) * len(first) > lib.GOFER_FLOW_LINKS_MAX:
            raise InvalidArgument(
                f"{len(first)} steps that each come after {len(ends)} are more than"
                f" {lib.GOFER_FLOW_LINKS_MAX} links: put a step between the two"
            )
        for at, node in enumerate(plan._nodes):
            placed = at in first and ends
            nodes.append(node.behind(base, ends) if placed else node.moved(base))
        ends = [base + at for at in plan.last()] or ends
    return Plan(nodes)


def group(*parts: Part | Iterable[Part]) -> Plan:
    """Parts that run beside each other."""
    nodes: list[_Node] = []
    for part in _parts(parts):
        base = len(nodes)
        nodes += [node.moved(base) for node in _plan_of(part)._nodes]
    return Plan(nodes)


def flow(*parts: Part | Iterable[Part]) -> Plan:
    """Parts that say by names what they come after: step(..., after=...)."""
    return group(*parts)


def _parts(parts: Sequence[Any]) -> Iterable[Part]:
    """As they are, or those of the one iterable that was given."""
    if len(parts) == 1 and not isinstance(parts[0], (Item, Step, Plan)):
        inside: Iterable[Part] = parts[0]
        return inside
    return parts


def _plan_of(part: Part) -> Plan:
    if isinstance(part, Plan):
        return part
    if isinstance(part, Item):
        return Plan([_Node(step(part), ())])
    if isinstance(part, Step):
        return Plan([_Node(part, ())])
    raise TypeError(
        f"a plan is made of items (task.item(...)), steps and plans, not of {type(part).__name__}"
    )


def _meets(word: str, names: set[str]) -> bool:
    if word.endswith("*"):
        return any(name.startswith(word[:-1]) for name in names)
    return word in names


def _base(type: str) -> str:
    """What a step of this type is called: the function's name, of "module:function"."""
    name = (type.rpartition(":")[2] or type).replace("*", "_")
    return name.encode()[:NAME_BYTES].decode("utf-8", "ignore")


def _shorter(name: str, after: Mapping[str, Rule], names: Sequence[str]) -> dict[str, Rule]:
    """The same with "count-*" in the place of all steps that are called so."""
    prefixes = {word.rpartition("-")[0] + "-" for word in after}
    alike: dict[str, Optional[Rule]] = {}
    # Where even these are too many nothing is short enough, and it is not tried.
    for prefix in prefixes if len(prefixes) <= lib.GOFER_FLOW_AFTER_MAX else ():
        meant = [each for each in names if each.startswith(prefix)] if len(prefix) > 1 else []
        rules = {after.get(each) for each in meant}
        alike[prefix] = rules.pop() if len(meant) > 1 and len(rules) == 1 else None
    result: dict[str, Rule] = {}
    for word, rule in after.items():
        prefix = word.rpartition("-")[0] + "-"
        result[f"{prefix}*" if alike.get(prefix) == rule else word] = rule
    if len(result) > lib.GOFER_FLOW_AFTER_MAX:
        raise InvalidArgument(
            f"step '{name}' comes after {len(after)} others: give these names that begin alike, as"
            ' step(..., name="part-1"), and have it come after "part-*"'
        )
    return result
