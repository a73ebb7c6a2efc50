"""What holds for all ZTF features, and where they differ from the original's on purpose."""

from features.declare import Deviation

NOTES = """
A row is made from the detections of one object (rows with a candid), in the order (jd, candid); the latest is the last
in this order. A window of N days keeps the detections with `max(jd) - jd < N`, an object at a time, whatever the time
today. Band g is fid 1, band r every other fid. Positive is isdiffpos `t` or `1`; good is rb or drb above 0.75. Floats
are widened to double before arithmetic; a column of SQL type float is rounded only when it is written.

Missing is NULL and zero is zero. A null (or NaN) is no measurement: least, greatest, mean, deviation, average and
colour are taken over the detections that have the value, and a value of one detection (the latest, the last two) is
missing where that detection lacks it. A result that is not finite is missing. Where a pipeline gives detections as
dicts, a key that is absent is not a null: the latest detection that has the key counts.
"""

DEVIATIONS = (
    Deviation(
        "The mean position is right on both sides of RA 0.",
        "`ramean`, and with it `glonmean`, `glatmean`, `htm16`, and `rastd`: RA is unwrapped about the first "
        "detection. The original averages 359.9 and 0.1 to 180, and the object is found on the other side of the sky.",
        "test_a_mean_position_is_right_on_both_sides_of_ra_0",
    ),
    Deviation(
        "A moving average of a band without a detection is missing.",
        "`mag_g02` to `mag_r28`: the original starts from 0 and leaves it there, a magnitude brighter than any star.",
        "test_a_band_without_a_detection_has_no_moving_average",
    ),
    Deviation(
        "A zero is written as zero.",
        "The original writes NULL wherever a value is falsy: a `rastd` of 0 (one detection), an `ncandgp` of 0 and an "
        "`sgscore1` of 0 (certainly a galaxy) are lost. What a table holds is the environment's choice (`farm_zeros`).",
        "test_a_zero_is_written_as_zero",
    ),
    Deviation(
        "A null costs what needs it, not the row.",
        "The original raises where a magnitude or a coordinate is null, and makes no row of that object.",
        "test_nulls_everywhere_still_give_a_full_row",
    ),
)
