"""Production's tables of ZTF, as they stand: names, types, order, keys."""

from features.declare import Column, Feature, Index, Table
from features.ztf.sources import PACKET

_CANDIDATES = {
    "ascii": "drbversion isdiffpos pdiffimfilename programpi rbversion ssnamenr",
    "bigint": "htmid16 objectidps1 objectidps2 objectidps3 pid rfid tblid",
    "double": "dec decnr jdendhist jdendref jdstarthist jdstartref ra ranr scorr",
    "float": """
        aimage aimagerat bimage bimagerat chinr chipsf classtar clrcoeff clrcounc clrmed clrrms diffmaglim distnr
        distpsnr1 distpsnr2 distpsnr3 drb dsdiff dsnrms elong exptime fwhm magap magapbig magdiff magfromlim maggaia
        maggaiabright magnr magpsf magzpsci magzpscirms magzpsciunc mindtoedge neargaia neargaiabright rb seeratio
        sgmag1 sgmag2 sgmag3 sgscore1 sgscore2 sgscore3 sharpnr sigmagap sigmagapbig sigmagnr sigmapsf simag1 simag2
        simag3 sky srmag1 srmag2 srmag3 ssdistnr ssmagnr ssnrms sumrat szmag1 szmag2 szmag3 xpos ypos zpclrcov zpmed
    """,
    "int": """
        fid field nbad ncovhist ndethist nframesref nid nmatches nmtchps nneg programid rcid tooflag
    """,
}
"""Names of the columns outside the key, by their CQL type; Cassandra puts them in alphabetical order."""

CANDIDATES = Table(
    "candidates",
    (
        *(Column("objectid", "ascii"), Column("jd", "double"), Column("candid", "bigint")),
        *sorted(
            (Column(name, cql) for cql, names in _CANDIDATES.items() for name in names.split()),
            key=lambda column: column.name,
        ),
    ),
    partition_key=("objectid",),
    clustering=("jd", "candid"),
)

NONCANDIDATES = Table(
    "noncandidates",
    (
        *(Column("objectid", "ascii"), Column("jd", "double")),
        *(Column("diffmaglim", "float"), Column("fid", "int"), Column("field", "int"), Column("magzpsci", "float")),
        *(Column("magzpscirms", "float"), Column("magzpsciunc", "float"), Column("nid", "int")),
    ),
    partition_key=("objectid",),
    clustering=("jd",),
)
"""Upper limits: exposures in which the object was not detected."""

_FORCEDPHOT = {
    "ascii": "procstatus",
    "bigint": "pid rfid",
    "double": "decnr ranr",
    "float": """
        adpctdif1 adpctdif2 chinr clrcoeff clrcounc diffmaglim distnr exptime forcediffimflux forcediffimfluxunc magnr
        magzpsci magzpscirms magzpsciunc scibckgnd scisigpix sciinpseeing sharpnr sigmagnr
    """,
    "int": "fid field programid rcid",
}

FORCEDPHOT = Table(
    "forcedphot",
    (
        *(Column("objectid", "ascii"), Column("jd", "double")),
        *sorted(
            (Column(name, cql) for cql, names in _FORCEDPHOT.items() for name in names.split()),
            key=lambda column: column.name,
        ),
    ),
    partition_key=("objectid",),
    clustering=("jd",),
)
"""Forced photometry: the flux of the difference image at the object's place, in every exposure."""

KEY = Feature("objectId", "varchar(16)", "", "never", "Name of the object.", PACKET)

_ORDER = """
    decmean decstd ramean rastd glatmean glonmean jdgmax gmag dmdt_g dmdt_g_2 mag_g02 mag_g08 mag_g28 maggmax
    maggmean maggmin jdrmax mag_r02 mag_r08 mag_r28 rmag dmdt_r dmdt_r_2 magrmax magrmean magrmin jdmax jdmin ncand
    ncandgp distpsnr1 sgscore1 sgmag1 srmag1 htm16 g_minus_r jd_g_minus_r ncandgp_7 ncandgp_14 ssnamenr dmdt_g_err
    dmdt_r_err
"""

ORDER = tuple(_ORDER.split())

_INDEXED = "ncand ncandgp ramean decmean jdmin jdgmax jdrmax jdmax sgscore1 distpsnr1"

INDEXES = (
    Index("htmid16idx", ("htm16",)),
    Index("idx_htm16", ("htm16",)),
    *(Index(f"idx_{name}", (name,)) for name in _INDEXED.split()),
)
