"""The look of the page: two palettes, a screen, a phone, and a sheet of paper.

Every colour of a text stands on its ground with a contrast of at least 4.5, that of a line in a
picture with at least 3 (WCAG 2.2, 1.4.3 and 1.4.11); a test computes both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Palette = Mapping[str, str]

LIGHT: Final[Palette] = {
    "ground": "#ffffff", "panel": "#f4f6f8", "rule": "#d5dbe1", "ink": "#18212b", "soft": "#4c5966",
    "link": "#0b57a4", "good": "#14683b", "bad": "#a81e1e", "open": "#7a4f00", "line": "#0b62b8",
    "twin": "#737d88", "mark": "#b3471d",
}  # fmt: skip
DARK: Final[Palette] = {
    "ground": "#12171d", "panel": "#1b222b", "rule": "#36414d", "ink": "#e6ebf0", "soft": "#a7b3c0",
    "link": "#82b8f2", "good": "#6fcf97", "bad": "#ff8f86", "open": "#f0b95a", "line": "#6cb0f5",
    "twin": "#8b97a4", "mark": "#f08b5e",
}  # fmt: skip
TEXTS: Final = ("ink", "soft", "link", "good", "bad", "open")
LINES: Final = ("line", "twin", "mark")


def _variables(palette: Palette) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in palette.items())


STYLE: Final = f"""\
:root{{{_variables(LIGHT)}color-scheme:light dark}}
@media (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}
*{{box-sizing:border-box}}
html{{-webkit-text-size-adjust:100%}}
body{{margin:0 auto;padding:1.5rem 1.25rem 4rem;max-width:80rem;background:var(--ground);\
color:var(--ink);font:1rem/1.55 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}}
h1{{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .8rem;letter-spacing:-.01em}}
h2{{font-size:1.3rem;line-height:1.25;margin:0 0 .6rem}}
h3{{font-size:1.02rem;margin:1.4rem 0 .4rem}}
h1,h2,h3,p,li{{overflow-wrap:anywhere}}
p{{margin:.5rem 0;max-width:68ch}}
.note,figcaption{{color:var(--soft);font-size:.875rem;max-width:80ch}}
ul{{margin:.4rem 0;padding-left:1.3rem;columns:26rem;column-gap:2.5rem}}
li{{break-inside:avoid}}header ul{{columns:auto}}
section{{margin-top:2.4rem;padding-top:1.4rem;border-top:1px solid var(--rule)}}
a{{color:var(--link)}}
:focus-visible{{outline:2px solid var(--link);outline-offset:2px}}
.skip{{position:absolute;left:-99rem}}
.skip:focus{{left:1rem;top:.5rem;background:var(--ground);padding:.3rem .6rem}}
nav ol{{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;list-style:none;margin:1.2rem 0 0;padding:0;\
font-size:.9rem}}
code{{font:.86em ui-monospace,"SF Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}}
table code{{overflow-wrap:normal}}
.badge{{border-left:.4rem solid;padding:.7rem 1rem;background:var(--panel);max-width:none;\
margin:.8rem 0}}
.badge strong{{font-size:1.25rem;margin-right:.5rem;white-space:nowrap}}
.badge span{{color:var(--ink)}}
.good{{color:var(--good)}}.bad{{color:var(--bad)}}.open{{color:var(--open)}}
.table{{overflow-x:auto;margin:.8rem 0}}
table{{border-collapse:collapse;font-size:.875rem;line-height:1.4;\
font-variant-numeric:tabular-nums}}
caption{{text-align:left;color:var(--soft);padding:.2rem 0 .4rem;caption-side:top}}
caption span{{display:inline-block;position:sticky;left:0;max-width:min(80ch,100vw - 2rem)}}
th,td{{padding:.32rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}}
thead th{{border-bottom:2px solid var(--soft);vertical-align:bottom}}
tbody th{{font-weight:600}}tbody th:not(.n){{min-width:8rem}}
tbody th,thead th:first-child{{position:sticky;left:0;background:var(--ground)}}
th:first-child,td:first-child{{padding-left:0}}
.n{{text-align:right;white-space:nowrap}}.ci{{color:var(--soft);font-weight:400}}
.v,.ci{{white-space:nowrap}}td:has(.ci){{white-space:normal}}
td:not(.p,:has(.ci)){{white-space:nowrap}}thead th.n{{white-space:normal}}
td.p{{min-width:17rem}}
figure{{margin:1rem 0}}figcaption{{margin-top:.5rem}}
.small{{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:.8rem 1.1rem}}
.wide{{overflow-x:auto}}
.wide svg{{min-width:48rem;max-width:60rem}}
.wide svg text{{font-size:13px}}
svg{{display:block;width:100%;height:auto;overflow:visible}}
svg text{{fill:var(--soft);font:12px system-ui,"Segoe UI",Roboto,Arial,sans-serif}}
svg .t{{fill:var(--ink);font-weight:600}}
svg .e{{text-anchor:end}}svg .m{{text-anchor:middle}}
svg .g{{stroke:var(--rule);stroke-width:1;fill:none}}
svg .z{{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3;fill:none}}
svg .l{{stroke:var(--line);stroke-width:1.7;fill:none;stroke-linejoin:round}}
svg .w{{stroke:var(--twin);stroke-width:1.7;fill:none;stroke-dasharray:5 3}}
svg .o{{fill:var(--line);opacity:.13}}svg .i{{fill:var(--line);opacity:.2}}
svg .d{{fill:var(--line)}}
svg .k{{fill:var(--mark)}}svg .s{{fill:var(--mark);opacity:.16}}
svg .v{{stroke:var(--mark);stroke-width:1.4}}
@media (max-width:40rem){{body{{padding:1rem .9rem 3rem}}h1{{font-size:1.5rem}}\
.small{{grid-template-columns:repeat(auto-fill,minmax(9.2rem,1fr))}}}}
@page{{size:A4;margin:14mm 12mm}}
@media print{{
:root{{{_variables(LIGHT)}color-scheme:light}}
html{{font-size:9.5pt;font-variant-ligatures:none}}
body{{padding:0;max-width:none;print-color-adjust:exact;-webkit-print-color-adjust:exact}}
.skip,nav{{display:none}}
p,.note,figcaption{{max-width:none}}
main ul{{columns:2}}
section{{margin-top:6mm;padding-top:4mm}}
h1,h2,h3,caption{{break-after:avoid}}
.table,.wide{{overflow:visible}}
table{{width:100%;font-size:7.4pt}}
th,td{{padding:.8mm 1.2mm;overflow-wrap:break-word}}
tbody th{{overflow-wrap:anywhere;min-width:24mm}}
table code{{overflow-wrap:anywhere}}
td:not(.n){{white-space:normal}}
td.p{{min-width:0}}
caption span{{max-width:none;position:static}}tbody th,thead th:first-child{{position:static}}
thead{{display:table-header-group}}
tr,svg,.badge{{break-inside:avoid}}
.wide svg{{min-width:0;max-width:none}}
.small{{grid-template-columns:repeat(4,1fr);gap:3mm}}
a{{color:inherit;text-decoration:none}}
}}
"""
