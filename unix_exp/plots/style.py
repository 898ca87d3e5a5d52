"""Colours and type, light and dark; plain classes, because many programs that draw SVG have no custom properties.

The hues are Okabe and Ito's for all kinds of colour vision (jfly.uni-koeln.de/color), darkened or lightened until each
has a contrast of 3 to 1 with the background; their yellow cannot, and black is replaced by the text's own colour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Theme = dict[str, Any]
LIGHT: Theme = {"ground": "#ffffff", "ink": "#1c2127", "muted": "#5a636e", "faint": "#e3e6ea", "shade": "#f5f6f8",
         "link": "#005a9c", "warm": "#fff6e0",
         "series": ("#0072b2", "#008a64", "#b4508c", "#9a6a00", "#2f8fd0", "#d55e00", "#1c2127")}  # fmt: skip
DARK: Theme = {"ground": "#14171b", "ink": "#e4e7eb", "muted": "#a0a9b4", "faint": "#30363d", "shade": "#1d2126",
        "link": "#7cc0ff", "warm": "#2b2516",
        "series": ("#4aa3e6", "#2cc79a", "#e48fc2", "#e8b93a", "#9ad4ff", "#ff8248", "#e4e7eb")}  # fmt: skip

HUES = len(LIGHT["series"])

# From dark to bright in even steps of lightness, so that the order shows without hue and in both themes.
RAMP_ANCHORS = ("#22175c", "#2b4f91", "#2a8a94", "#6fbf73", "#f3e55d")
RAMP_LEVELS = 16


def ramp() -> list[str]:
    """One colour for each level, the anchors joined by straight lines."""
    anchors = [tuple(int(colour[start : start + 2], 16) for start in (1, 3, 5)) for colour in RAMP_ANCHORS]
    colours = []
    for level in range(RAMP_LEVELS):
        position = level / (RAMP_LEVELS - 1) * (len(anchors) - 1)
        first = min(int(position), len(anchors) - 2)
        mixed = (a + (b - a) * (position - first) for a, b in zip(anchors[first], anchors[first + 1], strict=True))
        colours.append("#" + "".join(f"{round(part):02x}" for part in mixed))
    return colours


LIGHT_INK, DARK_INK = "#ffffff", "#000000"  # of numbers on a shade: one of them has 4.5 to 1 with any colour


def contrast(one: str, other: str) -> float:
    """How far two colours can be told apart, from 1 to 21, as WCAG defines it."""
    dim, bright = sorted(map(luminance, (one, other)))
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


FONT = '-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif'


def chart_colours(theme: Theme) -> str:
    series = "".join(f".chart .s{number}{{color:{colour}}}" for number, colour in enumerate(theme["series"]))
    return (
        f".chart{{color:{theme['ink']};background:{theme['ground']}}}"
        f".chart text{{fill:{theme['ink']}}}.chart .quiet{{fill:{theme['muted']}}}"
        f".chart .grid{{stroke:{theme['faint']}}}.chart .frame,.chart .leader{{stroke:{theme['muted']}}}"
        f".chart .front,.chart .rule,.chart .grey{{color:{theme['muted']}}}"
        f".chart .halo{{stroke:{theme['ground']}}}.chart .open{{fill:{theme['ground']}}}" + series
    )


def themed(colours_of: Callable[[Theme], str]) -> str:
    """Light, or dark where the reader's system is; always light in print."""
    return f"{colours_of(LIGHT)}@media screen and (prefers-color-scheme:dark){{{colours_of(DARK)}}}"


CHART = (
    f".chart{{display:block;font:11.5px {FONT};font-variant-numeric:tabular-nums}}"
    ".chart .grid,.chart .frame{fill:none;stroke-width:1}"
    ".chart .line,.chart .front,.chart .rule,.chart .whisker{fill:none;stroke:currentColor;stroke-linejoin:round}"
    ".chart .line{stroke-width:1.8;stroke-linecap:butt}.chart .front{stroke-width:1.2}"
    ".chart .grey .line{stroke-width:1;stroke-opacity:.45}"
    ".chart .rule{stroke-width:1;stroke-dasharray:2 3}"
    ".chart .leader{fill:none;stroke-width:.8}"
    ".chart .whisker{stroke-width:1.1}.chart .band{fill:currentColor;fill-opacity:.16;stroke:none}"
    ".chart .mark{fill:currentColor;stroke:currentColor;stroke-width:1.4;stroke-linejoin:round}"
    ".chart .many .mark{fill-opacity:.35;stroke-width:1.1}"
    ".chart .paper{fill:none;stroke:currentColor;stroke-width:1.5}"
    ".chart .halo{stroke-width:4px;paint-order:stroke;stroke-linejoin:round}"
    ".chart .cells path{fill:none;stroke-width:1}"
    + "".join(f".chart .h{level}{{stroke:{colour};fill:{colour}}}" for level, colour in enumerate(ramp()))
    + themed(chart_colours)
)


def page_colours(theme: Theme) -> str:
    names = ("ground", "ink", "muted", "faint", "shade", "link", "warm")
    return ":root{" + "".join(f"--{name}:{theme[name]};" for name in names) + f"--font:{FONT}}}"


PAGE = (
    themed(page_colours)
    + """
:root{color-scheme:light dark}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 var(--font);overflow-wrap:anywhere}
main{max-width:1360px;margin:0 auto;padding:20px 20px 64px}
@media(max-width:600px){main{padding:10px 12px 40px}}
h1{font-size:1.35em;line-height:1.2;margin:0;letter-spacing:-.01em}
header{display:flex;flex-wrap:wrap;gap:.1em 1.2em;align-items:baseline}
header p{margin:0;color:var(--muted);font-size:.87em;max-width:none}
h2{font-size:1.2em;line-height:1.3;margin:0 0 .7em;padding-top:.7em;border-top:1px solid var(--faint)}
p{max-width:46em;margin:0 0 .7em}
a{color:var(--link);text-decoration:none}a:hover,a:focus{text-decoration:underline}
nav{font-size:.87em}
nav details[open]{flex-basis:100%}
summary{cursor:pointer;color:var(--link)}
nav ul{list-style:none;margin:.5em 0 0;padding:0;display:flex;flex-wrap:wrap;gap:.15em 1.3em}
section{margin-top:1.9em;scroll-margin-top:8px}
.opens{margin-top:.7em}
.opens>.text:first-of-type{font-size:1.07em}
.opens>figure.lone{display:block;max-width:560px}
@media(min-width:1100px){.opens{display:grid;grid-template-columns:minmax(0,1fr) 470px;gap:0 36px;align-items:start;
grid-template-rows:auto auto auto 1fr}
.opens>*{grid-column:1}.opens>h2{grid-column:1/-1}.opens>figure.lone{grid-column:2;grid-row:2/span 3}}
small{font-size:.86em;color:var(--muted);font-weight:400;white-space:nowrap}
@media(max-width:600px){td small,th small{display:block}.opens th,.opens td{padding:3px 5px}
.opens tr>:first-child{padding-left:0}}
figure{margin:0 0 1.5em;min-width:0}
figcaption{color:var(--muted);font-size:.87em;line-height:1.4;max-width:56em;margin-top:.45em}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,370px),1fr));
gap:0 34px;align-items:start}
.lone{max-width:560px}
@media(min-width:900px){.lone{max-width:none;display:grid;
grid-template-columns:minmax(0,560px) minmax(0,32em);gap:0 34px}
.lone figcaption{margin-top:26px}}
.table figcaption{margin:0 0 .4em;color:var(--ink)}
.window,.code pre{overflow-x:auto;max-width:100%}
.code pre{font-size:.85em;line-height:1.5}
.window:focus-visible{outline:2px solid var(--link);outline-offset:2px}
table{border-collapse:separate;border-spacing:0;font-size:.87em;line-height:1.35;font-variant-numeric:tabular-nums;
border-top:1.5px solid var(--ink);border-bottom:1.5px solid var(--ink)}
th,td{padding:3.5px 10px;text-align:left;vertical-align:baseline;font-weight:400}
td,tbody th{overflow-wrap:normal}
thead th{font-weight:600;vertical-align:bottom;overflow-wrap:normal}
thead tr:last-child>*{border-bottom:1px solid var(--muted)}
thead .group{text-align:center;border-bottom:1px solid var(--faint)}
.number{text-align:right;white-space:nowrap}
thead .number{white-space:normal}
tbody tr>:not(.number)>span{display:block;width:max-content;max-width:min(24em,40vw);overflow-wrap:anywhere}
tr>:first-child{position:sticky;left:0;background:var(--ground);z-index:1;padding-left:0}
tr>:first-child::after{content:"";position:absolute;inset:0 -10px 0 auto;width:10px;
background:linear-gradient(90deg,var(--ground),transparent)}
tr.group>:first-child::after{display:none}
tbody tr:hover>*{background:var(--shade)}
tbody .group th{font-weight:600;padding-top:9px;border-bottom:1px solid var(--faint)}
tbody .group th>span{position:sticky;left:0;max-width:min(60em,85vw)}
.strong{font-weight:700}
.missing{color:var(--muted)}
.note{color:var(--muted);font-size:.8em;margin:.4em 0 0}
.notice{background:var(--warm);border-left:3px solid var(--muted);padding:.6em .9em;
margin:0 0 1.2em;max-width:60em;font-size:.93em}
.notice ul{margin:.3em 0 0;padding-left:1.2em}
@media print{main{max-width:none;padding:0}body{font-size:10.5pt}figure,tr{break-inside:avoid}nav{display:none}
.window{overflow:visible}h2{break-after:avoid}}
"""
)
