"""The documentation of a survey's features, made from their declarations."""

from collections.abc import Iterator

import features
from features.declare import Survey
from features.schema import schema_hash


def page() -> str:
    """docs/features.md: every survey's features, the default survey first."""
    names = sorted(features.SURVEYS, key=lambda name: (name != features.DEFAULT, name))
    return "\n".join(markdown(features.survey(name)) for name in names)


def markdown(survey: Survey) -> str:
    """A table of the features, and where they differ from the original's on purpose."""
    return "\n".join(_lines(survey)) + "\n"


def _lines(survey: Survey) -> Iterator[str]:
    yield f"# Features of {survey.title}"
    yield ""
    yield "Made by `python -m features docs` from the declarations in the code; a test compares. How to add one:"
    yield "[adding-a-feature.md](adding-a-feature.md)."
    yield ""
    yield survey.notes.strip()
    yield ""
    yield f"Schema hash (names, SQL types, null rules, order): `{schema_hash(survey)}`"
    yield ""
    yield "| column | SQL type | unit | NULL when | what | source |"
    yield "|---|---|---|---|---|---|"
    for column in survey.columns:
        cells = (f"`{column.name}`", column.sql, column.unit, column.null, column.doc, column.source)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""
    for table, names in survey.reads.items():
        yield f"Read from Cassandra's table `{table}`: {', '.join(f'`{name}`' for name in names)}."
        yield ""
    if survey.external:
        yield f"From outside Cassandra: {', '.join(f'`{each.name}`' for each in survey.external)}."
        yield ""
    if survey.foreign:
        yield f"Columns of the table that others fill: {', '.join(f'`{each.name}`' for each in survey.foreign)}."
        yield ""
    yield "## Known deviations from the original"
    for deviation in survey.deviations:
        yield ""
        yield f"**{deviation.what}** {deviation.why} Test: `{deviation.test}`."
