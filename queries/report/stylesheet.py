"""How the page of a report looks, on paper A4 with figures whole; the colours are `colours.css`, nothing is fetched."""

CSS = """
* { box-sizing: border-box; }
html { font-size: 16px; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 52rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; padding-top: .6rem; border-top: 2px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 .4rem; overflow-wrap: anywhere; }
a { color: var(--link); }
p { margin: .4rem 0; max-width: 48rem; }
nav ol { columns: 2; padding-left: 1.4rem; } nav li { break-inside: avoid; }
nav ul { padding-left: 1rem; list-style: none; font-size: .85rem; }
.limits { border: 1px solid var(--line); border-left: .35rem solid var(--attention); background: var(--box);
  padding: .7rem 1rem; margin: 1rem 0; }
.limits h2 { border: 0; margin: 0; padding: 0; font-size: 1.05rem; }
.limits ul { margin: .3rem 0 0; padding-left: 1.2rem; }
.figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.6rem 1.6rem; margin-top: 1.2rem; }
figure { margin: 0; grid-column: span 2; min-width: 0; }
figure.half { grid-column: span 1; }
figure svg { display: block; max-width: 100%; height: auto; font-family: inherit; color: var(--ink); }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
figcaption { font-size: .88rem; margin-top: .35rem; max-width: 48rem; }
figcaption p { margin: .2rem 0; } .reading { color: var(--soft); }
.command { font-size: .78rem; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
details { font-size: .82rem; margin: .25rem 0; }
summary { cursor: pointer; color: var(--link); }
pre { overflow-x: auto; background: var(--box); border: 1px solid var(--line); padding: .6rem; font-size: .75rem;
  line-height: 1.35; max-height: 28rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .15rem .6rem .15rem 0; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; min-width: 6rem; }
th { border-bottom-width: 2px; overflow-wrap: normal; }
td.number, th.number { min-width: 0; text-align: right; white-space: nowrap; }
.absent { border-left: .35rem solid #8a8f98; padding: .1rem .8rem; margin: 1rem 0; color: var(--soft);
  font-size: .9rem; }
.absent p, .absent ul { margin: .2rem 0; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); font-size: .85rem; color: var(--soft); }
@media (max-width: 46rem) { figure.half { grid-column: span 2; } nav ol { columns: 1; } }
@page { size: A4; margin: 16mm 14mm; }
@media print {
  html { font-size: 13px; } body { max-width: none; padding: 0; }
  details, .no-print { display: none; } a { text-decoration: none; }
  h2, h3, section > p { break-after: avoid; } figure, .limits, .absent, tr { break-inside: avoid; }
  figure.table { break-inside: auto; }
  .figures { gap: 1rem 1.2rem; }
}
"""
