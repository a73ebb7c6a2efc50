"""LSST: the fast code against the plain one, and each deviation from the original."""

import dataclasses
import gzip
import json
import math
import struct
from pathlib import Path
from typing import Any

import lsst_golden_set
import lsst_reference
import numpy as np
import pytest
from conftest import unlike
from hypothesis import given, settings
from hypothesis import strategies as st
from lsst_columns import curves_of
from lsst_curves import BANDS, HOSTS, MICRON, Object, explosion, nudged, odd, source

import features
from features.batch import compute, single
from features.golden import check
from features.lsst import create_features
from features.lsst.explosion import to_fit
from features.lsst.fits import EVALUATIONS, Curve, bazin

SURVEY = features.survey("lsst")
MODES = {False: SURVEY, True: SURVEY.with_originals()}
FITTED = tuple(each.name for each in SURVEY.features if each.name.startswith("BBB"))
PAIR = ("MJD", "ColourMag", "ColourBands", "ColourTemp")


def features_of(each: Object, as_lasair: bool = False) -> dict[str, Any]:
    (row,) = compute(MODES[as_lasair], curves_of({7: each}), None).dicts()
    return row


def plain(each: Object, as_lasair: bool) -> dict[str, Any]:
    return lsst_reference.features(each.row, each.sources, each.forced, each.ebv, each.sherlock, as_lasair)


def but_fits(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in FITTED}


def bits(row: dict[str, Any]) -> list[Any]:
    return [struct.pack("<d", value) if isinstance(value, float) else (type(value), value) for value in row.values()]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**64), st.integers(1, 5), st.booleans())
def test_the_fast_code_gives_what_the_plain_code_gives(seed: int, size: int, as_lasair: bool) -> None:
    objects = {10**17 + n: odd(seed + n) for n in range(size)}
    rows = compute(MODES[as_lasair], curves_of(objects), None)
    assert not rows.failures
    assert rows.object_id.tolist() == list(objects)
    for row in rows.dicts():
        wanted = plain(objects[row.pop("diaObjectId")], as_lasair)
        assert row.keys() == wanted.keys()
        wanted["htm16"] = row["htm16"] if row["htm16"] else wanted["htm16"]  # its own tests compare it with edges
        assert not unlike(but_fits(wanted), row, 1e-9, 1e-9)


@pytest.mark.parametrize("fading", [False, True])
def test_the_fits_are_those_of_the_plain_code(fading: bool) -> None:
    objects = {n: explosion(n, fading) for n in range(6)}
    found = 0
    several = [compute(survey, curves_of(objects), None).dicts() for survey in MODES.values()]
    for ours, theirs in zip(*several, strict=True):
        each = objects[ours["diaObjectId"]]
        wanted, *moved = (fits_of(one, as_lasair=False) for one in (each, *nudged(each)))
        if not any(unlike(wanted, another, 1e-5) for another in moved):
            assert not unlike(wanted, ours, 1e-4)
            assert not unlike(fits_of(each, as_lasair=True), theirs, 1e-4)
            found += (ours["BBBFallRate"] is not None) is fading and ours["BBBTemp"] is not None
    assert found >= 2


def fits_of(each: Object, as_lasair: bool) -> dict[str, Any]:
    """Of the plain code."""
    return {name: value for name, value in plain(each, as_lasair).items() if name in FITTED}


def test_the_last_four_forced_rows_before_the_first_source_are_fitted_and_no_other() -> None:
    whole = explosion(3, fading=True)
    first = min(row["midpointMjdTai"] for row in whole.sources)
    before = sorted(
        (row for row in whole.forced if row["midpointMjdTai"] < first), key=lambda row: row["midpointMjdTai"]
    )
    assert len(before) > 4
    four = dataclasses.replace(whole, forced=before[-4:])
    three = dataclasses.replace(whole, forced=before[-3:])
    rows = [[features_of(each)[name] for name in FITTED] for each in (whole, four, three)]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]


def test_an_objects_row_does_not_depend_on_its_neighbours_and_is_the_pipelines() -> None:
    objects = {n: explosion(n, fading=n % 2 == 0) if n < 3 else odd(n) for n in range(1, 12)}
    curves = curves_of(objects)
    for survey in MODES.values():
        for place, row in enumerate(compute(survey, curves, None).dicts()):
            (alone,) = compute(survey, curves.take(slice(place, place + 1)), None).dicts()
            assert bits(alone) == bits(row)
            each = objects[row["diaObjectId"]]
            told = {"diaObjectId": row["diaObjectId"], **(each.row or {})}
            piped = create_features(told, each.sources, each.forced, each.ebv, each.sherlock, survey.as_lasair)
            assert bits(piped) == bits(row)


def test_a_family_reads_only_what_it_declares() -> None:
    curves = curves_of({n: odd(n) for n in range(8)})
    for survey in MODES.values():
        for each in survey.families:
            others = {
                name: dataclasses.replace(
                    rows,
                    columns={
                        column: rows.columns[column] for column in rows.columns if f"{name}.{column}" in each.needs
                    },
                )
                for name, rows in curves.others.items()
            }
            narrow = dataclasses.replace(
                curves,
                columns={name: column for name, column in curves.columns.items() if name in each.needs},
                others=others,
                given={name: values for name, values in curves.given.items() if f"given.{name}" in each.needs},
            )
            with np.errstate(all="ignore"):
                assert len(each(narrow)) == len(each.features)


def test_a_pair_has_a_colour_whichever_band_comes_later() -> None:
    rows = [source(1, 61000.0, "g", 500.0), source(2, 61000.02, "r", 400.0)]
    turned = [source(1, 61000.0, "r", 400.0), source(2, 61000.02, "g", 500.0)]
    there, after = (features_of(Object(each)) for each in (rows, turned))
    for name in PAIR[1:]:
        assert there[f"latestPair{name}"] == after[f"latestPair{name}"] is not None
    assert there["latestPairColourBands"] == "g-r"
    assert features_of(Object(rows), as_lasair=True)["latestPairColourTemp"] == there["latestPairColourTemp"]
    assert features_of(Object(turned), as_lasair=True)["latestPairColourTemp"] is None


def test_a_jump_is_seen_in_the_newest_exposure() -> None:
    base = [source(n, 60980.0 + n, "g", 100.0 + n % 2) for n in range(8)]
    rows = [*base, source(20, 61000.0, "g", 900.0)]
    assert features_of(Object(rows))["jump1"] > 100
    assert features_of(Object(rows), as_lasair=True)["jump1"] == 0.0
    later = [*rows, source(21, 61001.0, "r", 5.0)]
    assert features_of(Object(later))["jump1"] == features_of(Object(later), as_lasair=True)["jump1"] > 100


def test_the_k_term_is_the_same_in_both_magnitudes() -> None:
    z = 0.3
    each = explosion(1, fading=True, host='{"classification": "SN", "z": 0.3}')
    ours, theirs = features_of(each), features_of(each, as_lasair=True)
    assert ours["BBBPeakFlux"] == theirs["BBBPeakFlux"]
    natural = 2.5 * (math.log(1 + z) - math.log10(1 + z))
    assert theirs["BBBPeakAbsMag"] - ours["BBBPeakAbsMag"] == pytest.approx(natural)
    at_peak = ours["absMag"] - ours["BBBPeakAbsMag"]
    assert abs(at_peak) < 0.2, "the brightest source stands near the fitted peak"


def test_a_photometric_redshift_counts_where_there_is_no_other() -> None:
    rows = [source(1, 61000.0, "g", 500.0)]
    wanted = features_of(Object(rows, sherlock='{"classification": "SN", "z": 0.2}'))["absMag"]
    for told, ours, theirs in (
        ('{"classification": "SN", "photoZ": 0.2}', wanted, None),
        ('{"classification": "SN", "z": null, "photoZ": 0.2}', wanted, None),
        ('{"classification": "SN", "z": NaN, "photoZ": 0.2}', wanted, None),
        ('{"classification": "SN", "photoz": 0.2}', None, wanted),
        ('{"classification": "SN", "z": null, "photoz": 0.2}', None, None),
        ('{"classification": "SN", "z": 0.2, "photoZ": 0.9}', wanted, wanted),
    ):
        each = Object(rows, sherlock=told)
        assert (features_of(each)["absMag"], features_of(each, as_lasair=True)["absMag"]) == (ours, theirs), told


def test_a_curve_without_a_peak_has_no_time_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from features.lsst import explosion as family
    from features.lsst.fits import Fit

    monkeypatch.setattr(family, "best_fit", lambda curve, finite: Fit(8.0, 0.1, 0.2, 3.0, 100.0, 1.0))
    each = explosion(1, fading=True)
    first = min(row["midpointMjdTai"] for row in each.sources)
    assert (features_of(each)["BBBPeakMJD"], features_of(each)["BBBPeakFlux"]) == (None, None)
    theirs = features_of(each, as_lasair=True)
    assert (theirs["BBBPeakMJD"], theirs["BBBPeakFlux"], theirs["BBBFallRate"]) == (first, None, 0.2)


def test_a_flux_that_is_nan_spoils_no_fit() -> None:
    whole = explosion(2, fading=False)
    more = dataclasses.replace(whole, sources=[*whole.sources, source(5, 61003.0, "g", math.nan)])
    assert [features_of(more)[name] for name in FITTED] == [features_of(whole)[name] for name in FITTED]
    assert features_of(whole)["BBBTemp"] is not None
    assert features_of(more, as_lasair=True)["BBBTemp"] != features_of(whole, as_lasair=True)["BBBTemp"]


def test_without_the_dust_what_depends_on_it_is_missing() -> None:
    rows = [source(1, 61000.0, "g", 500.0), source(2, 61000.02, "r", 400.0)]
    each = Object(rows, ebv=None, sherlock=HOSTS[2])
    ours, theirs = features_of(each), features_of(each, as_lasair=True)
    clear = features_of(dataclasses.replace(each, ebv=0.0))
    for name in ("ebv", "absMag", "absMagMJD", *(f"latestPair{part}" for part in PAIR)):
        assert ours[name] is None
        assert theirs[name] == clear[name] is not None
    for name in SURVEY.lacking(["sherlock"]):
        rule = next(feature.null for feature in SURVEY.features if feature.name == name)
        assert "E(B-V) not given" in rule or name == "ebv", name
    assert set(SURVEY.lacking(["sherlock"])) >= {"ebv", "absMag", "latestPairMJD", "BBBTemp"}
    assert set(SURVEY.lacking(["ebv"])) == {"absMag", "absMagMJD", *FITTED}


BAD = {
    "null reliability": (Object([source(1, 61000.0, "g", 5.0, None)]), {"nSourcesGood": 0, "medianR": None}),
    "no flux at all": (
        Object([source(1, 61000.0, "g", None)]),
        {
            "lastDiaSourceMjdTai": None,
            "ngSources": 0,
            "jump1": 0.0,
            "jump2": 0.0,
            "ra": 150.1,
            "ebv": 0.05,
            "medianR": None,
        },
    ),
    "flux of NaN": (
        Object([source(1, 61000.0, "g", math.nan)]),
        {"latest_psfFlux": None, "g_latestMJD": 61000.0, "ngSources": 1, "nPosDiaSources": 0},
    ),
    "null flux in a fit": (
        dataclasses.replace(explosion(1, True), sources=[*explosion(1, True).sources, source(1, 61009.0, "g", None)]),
        {name: features_of(explosion(1, True))[name] for name in FITTED},
    ),
    "another band": (
        Object([source(1, 61000.0, "Y", 5.0), source(2, 61000.01, "g", 7.0), source(3, 61000.02, None, 9.0)]),
        {"nySources": 0, "ngSources": 1, "latest_psfFlux": 9.0, "nPosDiaSources": 3, "latestPairMJD": None},
    ),
    "negative redshift": (
        explosion(1, True, host='{"classification": "SN", "z": -0.1}'),
        {"absMag": None, "BBBPeakAbsMag": None, "BBBTemp": features_of(explosion(1, True))["BBBTemp"]},
    ),
    "redshift of -1": (explosion(1, True, host='{"classification": "SN", "z": -1}'), {"BBBPeakAbsMag": None}),
    "distance of 0": (Object([source(1, 61000.0, "g", 5.0)], sherlock=HOSTS[7]), {"absMag": None, "absMagMJD": None}),
    "flux of 0 in a pair": (
        Object([source(1, 61000.0, "g", 5.0), source(2, 61000.01, "r", 0.0)]),
        {"latestPairMJD": None, "latestPairColourBands": None},
    ),
    "equal fluxes": (
        Object([*(source(n, 60980.0 + n / 10, "g", 0.1) for n in range(9)), source(10, 61000.0, "g", 9.0)]),
        {"jump1": 0.0, "jump2": 0.0},
    ),
    "no row of Rubin's": (
        Object([source(1, 61000.0, "g", 5.0)], row=None),
        {"ra": None, "htm16": 0, "glat": None, "nDiaSources": None, "ngSources": 1},
    ),
}


THEIRS = {
    "null flux in a fit": {name: features_of(explosion(1, True), as_lasair=True)[name] for name in FITTED},
}
"""Where it is another value in the original's way."""


@pytest.mark.parametrize("as_lasair", [False, True])
def test_a_bad_row_costs_what_needs_it(as_lasair: bool) -> None:
    objects = dict(enumerate([each for each, _ in BAD.values()], start=1))
    rows = compute(MODES[as_lasair], curves_of(objects), None)
    assert not rows.failures
    for (name, (_, wanted)), row in zip(BAD.items(), rows.dicts(), strict=True):
        assert not unlike(wanted | (THEIRS.get(name, {}) if as_lasair else {}), row), name


def test_a_classification_that_is_none_costs_its_own_object_what_needs_it() -> None:
    rows = [source(1, 61000.0, "g", 5.0)]
    told = (HOSTS[2], "null", "SN", "[1]", "", '""', f"[{HOSTS[2]}]", HOSTS[2])
    found = compute(SURVEY, curves_of({n: Object(rows, sherlock=each) for n, each in enumerate(told)}), None)
    assert {each.object_id for each in found.failures} == {"2", "3", "4", "5", "6"}
    assert {each.family for each in found.failures} == {"absolute_magnitude", "explosion"}
    assert all("should be one JSON object, or null" in each.error for each in found.failures)
    assert [row["absMag"] is not None for row in found.dicts()] == [each is HOSTS[2] for each in told]
    assert [row["ngSources"] for row in found.dicts()] == [1] * len(told)


def test_a_pipeline_may_have_no_forced_sources() -> None:
    each = explosion(1, fading=True)
    told = {"diaObjectId": 7, **(each.row or {})}
    given = (each.ebv, each.sherlock)
    assert create_features(told, each.sources, None, *given) == create_features(told, each.sources, [], *given)


def test_times_that_are_equal_are_in_the_order_of_their_ids() -> None:
    rows = [source(3, 61000.0, "g", 3.0), source(2, 61000.0, "g", 2.0), source(9, 60999.0, "g", 9.0)]
    assert features_of(Object(rows))["latest_psfFlux"] == 3.0
    assert features_of(Object(rows[::-1]))["latest_psfFlux"] == 3.0


def test_no_fit_evaluates_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    from features.lsst import fits

    calls = []
    for name in ("exponential", "bazin"):
        model = getattr(fits, name)
        monkeypatch.setattr(fits, name, lambda curve, p, model=model: (calls.append(1), model(curve, p))[1])
    rng = np.random.default_rng(1)
    noise = [source(n, 61000.0 + n, "g", float(np.float32(flux))) for n, flux in enumerate(rng.normal(0, 1e5, 30))]
    features_of(Object(noise, sherlock=HOSTS[1]))
    assert 0 < len(calls) <= 4 * (EVALUATIONS + 10)


def test_a_long_light_curve_is_fitted_as_a_short_one() -> None:
    each = explosion(1, fading=True)
    rows = [
        {**row, "diaSourceId": number * 1000 + copy} for number, row in enumerate(each.sources) for copy in range(600)
    ]
    assert len(rows) == 24_000
    short, long = (features_of(dataclasses.replace(each, sources=some, forced=())) for some in (each.sources, rows))
    assert not unlike({name: short[name] for name in FITTED}, long, 1e-3)
    assert long["BBBFallRate"] is not None


def test_curve_and_fluxes_of_a_fit_are_those_of_the_original_to_the_last_bit() -> None:
    """Some fits hang on it: those of the parity test that are not ``bbb_stable``."""
    rng = np.random.default_rng(5)
    day, band = np.sort(rng.uniform(-3, 60, 200)), rng.integers(0, 6, 200)
    wavelength = np.array(list(MICRON.values()))
    for a, temperature, onset, rise, fall in rng.uniform(0.01, 9, (20, 5)):
        body = wavelength**-3 / (np.exp(14.387 / (wavelength * temperature)) - 1)
        v = day - onset
        wanted = a * body[band] * np.exp(-fall * v) / (1 + np.exp(-rise * v))
        assert bazin(Curve(day, band, day), np.array([a, temperature, onset, rise, fall])).tolist() == wanted.tolist()
    k = dict(zip(BANDS, (4.145, 3.237, 2.273, 1.684, 1.323, 1.088), strict=True))
    for ebv in np.float32(rng.uniform(0, 0.5, 20)):
        each = dataclasses.replace(explosion(1, True), ebv=float(ebv), forced=())
        ((_, _, curve),) = to_fit(curves_of({7: each}), np.array([True]), nan_too=True)
        assert curve.flux.tolist() == [
            row["psfFlux"] * 10.0 ** float(ebv * np.float32(k[row["band"]]) / np.float32(2.5)) for row in each.sources
        ]


def test_both_modes_have_one_schema() -> None:
    from features.schema import header, schema_hash

    assert schema_hash(MODES[True]) == schema_hash(SURVEY)
    assert header(MODES[True]) == header(SURVEY)
    assert MODES[True].as_lasair
    assert not SURVEY.as_lasair
    assert MODES[True].reads == SURVEY.reads
    assert [each.name.removesuffix("_as_lasair") for each in MODES[True].families] == [
        each.name for each in SURVEY.families
    ]


def test_the_golden_set_holds_what_the_reference_gives() -> None:
    kept = json.loads(gzip.decompress(lsst_golden_set.FILE.read_bytes()))
    made = json.loads(json.dumps(lsst_golden_set.golden_set(kept["seeds"])))
    assert {name: part for name, part in made.items() if name != "values"} == {
        name: part for name, part in kept.items() if name != "values"
    }
    for key, values in made["values"]["all"].items():
        wanted = dict(zip(kept["features"], kept["values"]["all"][key], strict=True))
        assert not unlike(but_fits(wanted), dict(zip(made["features"], values, strict=True)), 1e-12), key


def test_the_code_computes_the_golden_values_of_every_feature() -> None:
    found = check(SURVEY)
    assert (found.unknown, found.differences) == ((), ())
    told = json.loads(gzip.decompress(lsst_golden_set.FILE.read_bytes()))
    assert found.objects == lsst_golden_set.ODD + 2 * lsst_golden_set.FITTED
    for name in (*FITTED, "jump2", "absMag", "latestPairColourTemp", "penultimatePairColourBands", "htm16"):
        values = [row[told["features"].index(name)] for row in told["values"]["all"].values()]
        assert len({value for value in values if value is not None}) > 2, name
    wrong = check(SURVEY.with_originals()).differences
    assert {each.feature for each in wrong} >= {"jump1", "latestPairColourMag"}


def test_each_known_deviation_has_a_test() -> None:
    tests = Path(__file__).read_text()
    for deviation in SURVEY.deviations:
        assert f"def {deviation.test}(" in tests


def test_the_example_of_adding_a_survey_works_as_written() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "adding-a-survey.md").read_text()
    made: dict[str, Any] = {}
    exec(guide.split("```python")[1].split("```")[0], made)
    place = {"ra": 10.0, "dec": -5.0}
    rows = [{"mjd": 60000.0 + n, "obs": n, **place, "uJy": flux} for n, flux in enumerate((3.0, 9.0, 4.0))]
    found = single(made["SURVEY"], 7, rows, {"limits": [{"mjd": 59999.0}]}, {"ebv": 0.0})
    assert found == {"atlasId": 7, "mjdmax": 60002.0, "peak": 9.0, "nlimits": 1}
    without = single(made["SURVEY"], 7, rows)
    assert without == {"atlasId": 7, "mjdmax": 60002.0, "peak": None, "nlimits": 0}
    assert made["SURVEY"].lacking([]) == ("peak", "nlimits")
