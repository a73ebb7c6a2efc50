"""Line plots as SVG, both axes logarithmic, readable on light and on dark pages. Pure; no dependency."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

_WIDTH, _HEIGHT = 720, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 190, 50, 60
_STYLE = """
 :root { --ink: #1f2328; --soft: #d0d7de; --paper: #ffffff }
 @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #3d444d; --paper: #0d1117 } }
 .paper { fill: var(--paper) } text { fill: var(--ink); font: 13px sans-serif }
 .title { font-weight: bold; font-size: 15px } .axis { stroke: var(--ink); fill: none } .grid { stroke: var(--soft) }
 .line { fill: none; stroke-width: 2 } .dashed { stroke-dasharray: 5 4; stroke-width: 1.5 }
"""
_COLOURS = ("#0969da", "#cf222e", "#1a7f37", "#9a6700", "#8250df", "#6e7781")


@dataclass(frozen=True)
class Series:
    name: str
    points: Sequence[tuple[float, float]]
    """x and y, both above 0."""
    colour: int = 0
    """Lines of one colour belong together."""
    dashed: bool = False


@dataclass(frozen=True)
class _Scale:
    """Logarithmic, from ``low`` at ``begin`` to ``high`` at ``end``."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        return self.begin + (self.end - self.begin) * log10(value / self.low) / log10(self.high / self.low)


def lines(title: str, x: str, y: str, series: Sequence[Series]) -> str:
    """A whole SVG document: ``title``, the names of both axes, a line a series. Raises ValueError without a point."""
    points = [point for each in series for point in each.points]
    if not points:
        raise ValueError("there is nothing to plot")
    xs, ys = sorted({point[0] for point in points}), sorted({point[1] for point in points})
    across = _Scale(xs[0] / 1.2, xs[-1] * 1.2, _LEFT, _WIDTH - _RIGHT)
    up = _Scale(ys[0] / 1.3, ys[-1] * 1.3, _HEIGHT - _BOTTOM, _TOP)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}"/>',
        _text(_LEFT, _TOP - 22, title, "title"),
        *_vertical(across, xs),
        *_horizontal(up, _ticks(up.low, up.high)),
        f'<path class="axis" d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}"/>',
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 16, x, anchor="middle"),
        f'<g transform="translate(20 {(_TOP + _HEIGHT - _BOTTOM) / 2}) rotate(-90)">',
        _text(0, 0, y, anchor="middle") + "</g>",
    ]
    for number, each in enumerate(series):
        drawn += _line(each, across, up, _TOP + 10 + 20 * number)
    return "\n".join([*drawn, "</svg>", ""])


def _line(series: Series, across: _Scale, up: _Scale, legend: float) -> list[str]:
    colour = _COLOURS[series.colour % len(_COLOURS)]
    kind = "line dashed" if series.dashed else "line"
    path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in series.points)
    dots = [] if series.dashed else [
        f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.5" fill="{colour}"><title>{_number(y)}</title></circle>'
        for x, y in series.points
    ]  # fmt: skip
    at = _WIDTH - _RIGHT + 12
    return [
        f'<polyline class="{kind}" stroke="{colour}" points="{path}"/>',
        *dots,
        f'<path class="{kind}" stroke="{colour}" d="M{at} {legend}h24"/>',
        _text(at + 30, legend + 4, series.name),
    ]


def _vertical(across: _Scale, values: Sequence[float]) -> list[str]:
    drawn = []
    for value in values:
        at = across(value)
        drawn.append(f'<path class="grid" d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        drawn.append(_text(at, _HEIGHT - _BOTTOM + 18, _number(value), anchor="middle"))
    return drawn


def _horizontal(up: _Scale, values: Sequence[float]) -> list[str]:
    drawn = []
    for value in values:
        at = up(value)
        drawn.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
        drawn.append(_text(_LEFT - 8, at + 4, _number(value), anchor="end"))
    return drawn


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each power of ten between."""
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    return [tick for power in powers for step in (1, 2, 5) if low <= (tick := step * 10.0**power) <= high]


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
