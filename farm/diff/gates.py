"""What a load may change without being told to: limits, a feature at a time. Pure."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from farm.diff.result import Diff
from farm.errors import GateError, InputError
from features import SURVEYS
from features import survey as survey_of

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


@dataclass(frozen=True)
class Limits:
    changed: Limit = field(default_factory=lambda: Limit(MAX_CHANGED))
    new_nulls: Limit = field(default_factory=lambda: Limit(MAX_NEW_NULLS))


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
        _limit("--max-changed", max_changed, MAX_CHANGED, known),
        _limit("--max-new-nulls", max_new_nulls, MAX_NEW_NULLS, known),
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
            ("--max-changed", changed, given.changed.of(each.name)),
            ("--max-new-nulls", nulls, given.new_nulls.of(each.name)),
        ):
            if (share := diff.share(rows)) > limit:
                found.append(Breach(flag, each.name, rows, share, limit))
    return tuple(found)


def refusal(diff: Diff, breaches: Sequence[Breach], where: str) -> GateError:
    """The error that names the features, their shares, and what accepts them; ``where`` the whole comparison stands."""
    verbs = {"--max-changed": "move", "--max-new-nulls": "become NULL"}
    told = [
        f"  {each.feature}: {each.share:.1%} of {diff.both:,} rows {verbs[each.flag]}, {each.limit:.4g} is the limit"
        for each in breaches
    ]
    flags = " ".join(_accepting(breaches))
    told += [
        f"All that would change: {where}. To accept it: farm load {diff.run} --inventory {diff.environment} {flags}"
    ]
    if nulls := ",".join(each.feature for each in breaches if each.flag == "--max-new-nulls"):
        told += [f"To keep the old values where the new one is NULL: --keep-not-null {nulls}"]
    head = f"run {diff.run} would change more of table objects than the gates let through; nothing was loaded:"
    return GateError("\n".join([head, *told]))


def _accepting(breaches: Sequence[Breach]) -> Iterator[str]:
    for flag in dict.fromkeys(each.flag for each in breaches):
        broken = [each for each in breaches if each.flag == flag]
        if len(broken) > _NAMED:
            yield f"{flag} {_up(max(each.share for each in broken))}"
        else:
            yield from (f"{flag} {each.feature}={_up(each.share)}" for each in broken)


def _up(share: float) -> str:
    return f"{math.ceil(share * 1000) / 1000:g}"


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
