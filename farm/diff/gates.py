"""What a load may change without being told to: limits, a feature at a time. Pure."""

import math
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from farm.diff.result import Diff
from farm.errors import GateError, InputError
from farm.load.options import EVERYTHING, Options
from features import SURVEYS
from features import survey as survey_of

CHANGED, NEW_NULLS = "--max-changed", "--max-new-nulls"
MAX_CHANGED = 0.1
MAX_NEW_NULLS = 0.01
_NAMED = 6
"""Features that a flag names; more of them are accepted by one limit for all."""
_SHARE = re.compile(r"(?:(\w+)=)?([0-9.]+)(%?)", re.ASCII)


@dataclass(frozen=True)
class Limit:
    """The greatest share of the rows of both sides, for every feature but those that have one of their own."""

    share: float
    features: Mapping[str, float] = field(default_factory=dict)

    def of(self, feature: str) -> float:
        return self.features.get(feature, self.share)

    def accepting(self, broken: "Sequence[Breach]") -> "Limit":
        """The same, raised so far that what broke it goes through."""
        needed = {each.feature: math.ceil(each.share * 1000) / 1000 for each in broken}
        if len(needed) <= _NAMED:
            return replace(self, features={**self.features, **needed})
        others = {name: share for name, share in self.features.items() if name not in needed}
        return Limit(max(self.share, *needed.values()), others)

    def argv(self, flag: str, otherwise: float) -> list[str]:
        """The arguments that mean it; none for the share that holds without them, ``otherwise``."""
        shares = {"": self.share} if self.share != otherwise else {}
        named = {f"{name}=": share for name, share in self.features.items()}
        return [word for name, share in {**shares, **named}.items() for word in (flag, f"{name}{_decimal(share)}")]


@dataclass(frozen=True)
class Limits:
    changed: Limit = field(default_factory=lambda: Limit(MAX_CHANGED))
    new_nulls: Limit = field(default_factory=lambda: Limit(MAX_NEW_NULLS))

    def accepting(self, breaches: "Sequence[Breach]") -> "Limits":
        """The same, raised so far that what broke them goes through."""
        changed, nulls = ([each for each in breaches if each.flag == flag] for flag in (CHANGED, NEW_NULLS))
        return Limits(self.changed.accepting(changed), self.new_nulls.accepting(nulls))

    def argv(self) -> list[str]:
        """The arguments of ``farm load`` that mean them."""
        return [*self.changed.argv(CHANGED, MAX_CHANGED), *self.new_nulls.argv(NEW_NULLS, MAX_NEW_NULLS)]


DEFAULTS = Limits()


@dataclass(frozen=True)
class Breach:
    """A feature that changes in a greater share of rows than its limit; ``flag`` is the gate's option."""

    flag: str
    feature: str
    rows: int
    share: float
    limit: float


def limits(max_changed: Sequence[str], max_new_nulls: Sequence[str]) -> Limits:
    """Limits from what was typed: ``0.3``, ``30%`` or ``FEATURE=0.3``, each for all features or for one.

    Raises InputError for something else.
    """
    known = {feature.name for survey in SURVEYS for feature in survey_of(survey).features}
    return Limits(
        _limit(CHANGED, max_changed, MAX_CHANGED, known),
        _limit(NEW_NULLS, max_new_nulls, MAX_NEW_NULLS, known),
    )


def judge(
    diff: Diff, given: Limits, columns: Collection[str] = (), keep_not_null: Collection[str] = ()
) -> tuple[Breach, ...]:
    """The features that break a gate.

    A change of a value that moves by more than its feature's tolerance counts for --max-changed, as does one that
    ceases to be NULL where the table has any value of it; a value that becomes NULL counts for --max-new-nulls.
    ``columns``: those that are loaded, none for all; ``keep_not_null``: those that no NULL is written to.
    """
    found = []
    for each in diff.features:
        if columns and each.name not in columns:
            continue
        changed = each.moved + (0 if each.all_null else each.from_null)
        nulls = 0 if each.name in keep_not_null else each.to_null
        for flag, rows, limit in (
            (CHANGED, changed, given.changed.of(each.name)),
            (NEW_NULLS, nulls, given.new_nulls.of(each.name)),
        ):
            if (share := diff.share(rows)) > limit:
                found.append(Breach(flag, each.name, rows, share, limit))
    return tuple(found)


def refusal(
    diff: Diff, breaches: Sequence[Breach], kept: str, given: Limits, options: Options = EVERYTHING, inventory: str = ""
) -> GateError:
    """The error that names the features, their shares, and the command that accepts them: what was given, and more.

    ``kept``: where the whole comparison stands; ``inventory``: what ``--inventory`` takes for the environment.
    """
    verbs = {CHANGED: "move", NEW_NULLS: "become NULL"}
    told = [
        f"  {each.feature}: {each.share:.1%} of {diff.both:,} rows {verbs[each.flag]}, {each.limit:.4g} is the limit"
        for each in breaches
    ]
    where = ["--inventory", inventory or diff.environment]
    again = shlex.join([diff.run, *where, *options.argv(), *given.accepting(breaches).argv()])
    told += [
        f"All that would change: {shlex.join(['farm', 'diff', diff.run, *where])}, and {kept}."
        f" To accept it: farm load {again}"
    ]
    if nulls := [each.feature for each in breaches if each.flag == NEW_NULLS]:
        keep = ",".join((*options.keep_not_null, *nulls))
        told += [f"To keep the old values where the new one is NULL: --keep-not-null {keep}"]
    head = f"run {diff.run} would change more of table objects than the gates let through; nothing was loaded:"
    return GateError("\n".join([head, *told]))


def _decimal(share: float) -> str:
    """Every digit, without an exponent."""
    return f"{Decimal(repr(share)).normalize():f}"


def _limit(flag: str, texts: Sequence[str], otherwise: float, known: Collection[str]) -> Limit:
    share, features = otherwise, {}
    for text in (part for each in texts for part in each.split(",")):
        name, value = _parsed(flag, text)
        if name is None:
            share = value
        elif name in known:
            features[name] = value
        else:
            raise InputError(f"{flag} {text}: no feature is named {name}")
    return Limit(share, features)


def _parsed(flag: str, text: str) -> tuple[str | None, float]:
    match = _SHARE.fullmatch(text.strip())
    try:
        value = float(match[2]) / (100 if match[3] else 1) if match else -1.0
    except ValueError:
        value = -1.0
    if match is None or not 0 <= value <= 1:
        raise InputError(f"{flag} {text}: write a share from 0 to 1, or FEATURE=share for one feature, such as 0.3")
    return match[1], value
