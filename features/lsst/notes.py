"""What holds for all LSST features, and where they differ from the original's on purpose."""

from features.declare import Deviation

NOTES = """
A row is made from the sources of one object whose psfFlux is not null, in the order (midpointMjdTai, diaSourceId); the
latest is the last in this order. No flag and no reliability leaves a source out, and there is no time window. Bands are
u, g, r, i, z and y in lower case; a source of another name has no band. Fluxes are nJy of the difference image, of both
signs; times are MJD, TAI. A flux without extinction is `psfFlux * 10**(k ebv / 2.5)` with k of its band. Floats are
widened to double before arithmetic; a column of SQL type float is rounded only when it is written (times too: to steps
of 1/256 day).

Missing is NULL and zero is zero. A result that is not finite is missing. `ebv` and Sherlock's classification come from
outside Cassandra: where they are not given, the features made from them are NULL. An object without a source has no
row.

Fits are unweighted least squares by MINPACK's lmdif, with at most 500 evaluations each, two models from two starts: at
most 2,000 evaluations an object, of which one of 250,000 sources (the most that are read) takes a second or two. Where
a fit is barely accepted, or hardly determined, another version of NumPy or SciPy may give another value, or none. Its
acceptance by the covariance depends on the unit of the flux, and the errors of the fluxes are not used: the original's
choice, and kept.

`--as-lasair` computes what the original computes where it differs in values (each such deviation below says so). What
the original raises on, it has no value for: there both are the same.
"""

DEVIATIONS = (
    Deviation(
        "A pair of sources has a colour whichever comes later.",
        "`latestPair...` and `penultimatePair...`: the original sets the temperature's first guess only where the later"
        " source is the redder one, and swallows the error otherwise: three pairs in ten could give nothing."
        " `--as-lasair` keeps that.",
        "test_a_pair_has_a_colour_whichever_band_comes_later",
    ),
    Deviation(
        "A jump is seen in the exposure that shows it.",
        "`jump1`, `jump2`: the original leaves out the newest exposure, and all others of its time, so that a jump is"
        " told one exposure late. `--as-lasair` keeps that.",
        "test_a_jump_is_seen_in_the_newest_exposure",
    ),
    Deviation(
        "The K term of the peak is 2.5 log10(1+z).",
        "`BBBPeakAbsMag`: the original has the natural logarithm here, 2.3 times as much, and log10 in `absMag`."
        " `--as-lasair` keeps that.",
        "test_the_k_term_is_the_same_in_both_magnitudes",
    ),
    Deviation(
        "A photometric redshift is read.",
        "`absMag`, `absMagMJD`, `BBBPeakAbsMag`: without a z, Sherlock's `photoZ` counts. The original asks for"
        " `photoz`, which Sherlock never writes, and only where there is no key z, which Sherlock always writes."
        " `--as-lasair` keeps that.",
        "test_a_photometric_redshift_counts_where_there_is_no_other",
    ),
    Deviation(
        "A peak that does not exist has no time.",
        "`BBBPeakMJD`: where the fitted curve has no maximum the original gives the time of the first source."
        " `--as-lasair` keeps that.",
        "test_a_curve_without_a_peak_has_no_time_of_it",
    ),
    Deviation(
        "A fit is made of numbers and ends in numbers.",
        "`BBB...`: a NaN among the fluxes is left out. The original fits it, accepts the fit since no comparison with"
        " NaN rejects it, and prefers it to a good one. `--as-lasair` keeps that.",
        "test_a_flux_that_is_nan_spoils_no_fit",
    ),
    Deviation(
        "Dust that is not known is not zero.",
        "`ebv`, `absMag`, `absMagMJD`, and the pairs: without E(B-V) they are NULL. The original takes it as 0."
        " `--as-lasair` keeps that.",
        "test_without_the_dust_what_depends_on_it_is_missing",
    ),
    Deviation(
        "A bad row costs what needs it, not the batch.",
        "The original raises, and the whole batch is lost: on a null reliability (here it counts neither as good nor in"
        " the median), an object whose fluxes are all null (counts and jumps of 0; Rubin's columns, `glat`, `htm16` and"
        " `ebv` stay; the rest is NULL), a band that is none of ugrizy (the source counts where no band is needed), a"
        " negative or zero redshift or distance (no absolute magnitude), a flux of 0 in a pair (no colour), equal"
        " fluxes for weeks (a `jump` of 0), a Sherlock classification that is no JSON object (NULL where it is needed,"
        " and the object is named).",
        "test_a_bad_row_costs_what_needs_it",
    ),
)
