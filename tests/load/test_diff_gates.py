"""Gates: what a load may change without being told to."""

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest
from simulated_parts import RUN, ZTF
from typer.main import get_command

from farm.cli.app import app
from farm.diff.gates import Breach, Limit, Limits, judge, limits, refusal
from farm.diff.result import Diff, FeatureDiff, Move, from_json, lines
from farm.errors import InputError
from farm.load.options import Options, rate, together

NAMES = [feature.name for feature in ZTF.features]


def feature(name: str, moved: int = 0, to_null: int = 0, from_null: int = 0, all_null: bool = False) -> FeatureDiff:
    far = 0.5 if moved else None
    return FeatureDiff(name, 1e-9, moved, to_null, from_null, far, far, all_null, (Move("K1", "1.0", None, None),))


def diff(*features: FeatureDiff, rows: int = 1000, new: int = 0, guarded: int = 0) -> Diff:
    changed = max((each.changed for each in features), default=0)
    unchanged = rows - new - changed - guarded
    return Diff(
        RUN, "lab", 30, 30, "g1", rows, new, changed, unchanged, guarded, 2, 0, (), ("Z1", "Z2"), features, ()
    )  # fmt: skip


def broken(found: Diff, given: Limits | None = None, **how: list[str]) -> list[tuple[str, str]]:
    return [(each.flag, each.feature) for each in judge(found, given or Limits(), **how)]


def test_each_gate_lets_through_its_limit_and_no_more() -> None:
    assert broken(diff(feature("gmag", moved=100), feature("rmag", to_null=10))) == []
    assert broken(diff(feature("gmag", moved=101), feature("rmag", to_null=11))) == [
        ("--max-changed", "gmag"),
        ("--max-new-nulls", "rmag"),
    ]


def test_new_rows_do_not_count_and_neither_does_an_empty_table() -> None:
    assert broken(diff(feature("gmag", moved=10), new=900)) == []
    assert broken(diff(feature("gmag", moved=11), new=900)) == [("--max-changed", "gmag")]
    assert broken(diff(feature("gmag"), new=1000)) == []


def test_a_column_that_was_all_null_does_not_count_and_one_with_values_does() -> None:
    assert broken(diff(feature("gmag", from_null=1000, all_null=True))) == []
    assert broken(diff(feature("gmag", from_null=900))) == [("--max-changed", "gmag")]


def test_a_value_that_becomes_null_counts_for_its_own_gate_alone() -> None:
    assert broken(diff(feature("gmag", to_null=900))) == [("--max-new-nulls", "gmag")]


def test_columns_that_keep_their_values_and_columns_that_are_not_loaded_do_not_count() -> None:
    found = diff(feature("gmag", to_null=900), feature("rmag", moved=900))
    assert broken(found, keep_not_null=["gmag"]) == [("--max-changed", "rmag")]
    assert broken(found, columns=["gmag"]) == [("--max-new-nulls", "gmag")]


def test_limits_are_shares_for_all_features_or_for_one() -> None:
    given = limits(["0.3", "gmag=0.9,rmag=5%"], [])
    assert [given.changed.of(name) for name in ("gmag", "rmag", "decmean")] == [0.9, 0.05, 0.3]
    assert given.new_nulls == Limits().new_nulls


@pytest.mark.parametrize("text", ["", "-1", "1.1", "nan", "much", "0.3.1", "gmag=", "gmag=2", "=0.3", "101%"])
def test_a_limit_that_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write a share from 0 to 1"):
        limits([], [text])


def test_a_limit_of_an_unknown_feature_is_refused() -> None:
    with pytest.raises(InputError, match="no feature is named gmax"):
        limits(["gmax=0.3"], [])


@pytest.mark.parametrize("number", [1, 3, 42])
def test_a_refusal_prints_the_flags_that_accept_it_and_they_do(number: int) -> None:
    features = [feature(name, moved=123 + at, to_null=321) for at, name in enumerate(NAMES[:number])]
    found = diff(*features, rows=999)
    told = str(refusal(found, judge(found, Limits()), "diff.json", Limits()))
    for name in NAMES[:number]:
        assert f"  {name}: " in told
    given = printed(told)
    assert (given["run"], given["inventory"]) == (RUN, "lab")
    assert judge(found, limits(given["max_changed"], given["max_new_nulls"])) == ()


def printed(told: str) -> dict[str, Any]:
    """What ``farm load`` takes from the command that a refusal prints."""
    words = shlex.split(next(line for line in told.splitlines() if "farm load" in line).partition("farm load ")[2])
    command = get_command(app).commands["load"]  # type: ignore[attr-defined]
    return dict(command.make_context("load", words).params)


@pytest.mark.parametrize("number", [1, 42])
def test_the_printed_command_has_what_was_given_and_does_just_that_load(number: int) -> None:
    given = limits(["0.2", "decmean=0.00001,gmag=5%"], ["rmag=0.5"])
    options = Options(tuple(NAMES), ("distpsnr1", "sgmag1"), 500.0, sample=True)
    found = diff(*(feature(name, moved=250, to_null=20) for name in NAMES[:number]))
    breaches = judge(found, given, options.columns, options.keep_not_null)
    told = str(refusal(found, breaches, "diff.json", given, options, "/some where/lab"))
    again = printed(told)
    assert (again["inventory"], again["verify"]) == ("/some where/lab", "sample")
    assert Options(
        together(again["columns"]), together(again["keep_not_null"]), rate(again["max_rate"]), sample=True
    ) == options  # fmt: skip
    accepted = limits(again["max_changed"], again["max_new_nulls"])
    assert judge(found, accepted, options.columns, options.keep_not_null) == ()
    if number == 1:
        assert accepted.changed == Limit(0.2, {"decmean": 0.00001, "gmag": 0.05, NAMES[0]: 0.25})
        assert accepted.new_nulls == Limit(0.01, {"rmag": 0.5, NAMES[0]: 0.02})
        assert f"--keep-not-null distpsnr1,sgmag1,{NAMES[0]}" in told
    assert "farm diff " + RUN + " --inventory '/some where/lab', and diff.json." in told


def test_a_refusal_says_share_rows_limit_and_how_to_keep_values() -> None:
    found = diff(feature("sgmag1", to_null=550))
    told = str(refusal(found, judge(found, Limits()), "diff.json", Limits()))
    assert "sgmag1: 55.0% of 1,000 rows become NULL, 0.01 is the limit" in told
    assert "--max-new-nulls sgmag1=0.55" in told
    assert "--keep-not-null sgmag1" in told
    assert f"All that would change: farm diff {RUN} --inventory lab, and diff.json. To accept it" in told
    assert judge(found, Limits()) == (Breach("--max-new-nulls", "sgmag1", 550, 0.55, 0.01),)


def test_a_comparison_is_a_line_a_feature_that_changes_and_its_rows_add_up() -> None:
    told = "\n".join(lines(diff(feature("gmag", moved=200, to_null=3), feature("rmag"), new=100, guarded=7)))
    assert "100 new + 203 changed + 690 unchanged + 7 guarded = 1,000; 2 gone" in told
    assert "gmag                 200   22.2%" in told
    assert "K1 1.0 -> NULL" in told
    assert "not changed: rmag" in told
    assert "Z1, Z2" in told


def test_a_comparison_is_read_again_as_it_was_kept() -> None:
    found = diff(feature("gmag", moved=200, to_null=3), feature("rmag", from_null=2, all_null=True), new=100, guarded=7)
    assert from_json(json.loads(json.dumps(found.as_json()))) == found


@pytest.mark.parametrize(("named", "told"), [(0, ""), (1, "  new: A and 9 more"), (4, "  new: A, B, C, D and 6 more")])
def test_as_many_objects_are_named_as_were_asked_for(named: int, told: str) -> None:
    found = replace(diff(feature("gmag"), new=10), new_objects=tuple("ABCDEFGHIJ"[:named]))
    assert "".join(line for line in lines(found) if line.startswith("  new: ")) == told


def test_all_objects_are_named_where_so_many_were_asked_for() -> None:
    found = replace(diff(feature("gmag"), new=10), new_objects=tuple("ABCDEFGHIJ"))
    assert "  new: A, B, C, D, E, F, G, H, I, J" in lines(found)
