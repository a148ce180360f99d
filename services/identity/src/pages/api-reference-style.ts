// The look of the API reference: a page to read, with the colours of the hosted pages.
import { COLOURS } from './style.ts'

const FRAME = `
*,*::before,*::after{box-sizing:border-box}
[hidden]{display:none!important}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%;scroll-padding-top:4.5rem}
body{margin:0;background:var(--surface);color:var(--ink);
font:1rem/1.6 "Avenir Next",Avenir,"Segoe UI Variable Text","Segoe UI",Ubuntu,Cantarell,"Noto Sans",system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--accent-text);text-underline-offset:.2em;text-decoration-thickness:1px}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:3px solid var(--accent-text);outline-offset:2px}
main:focus{outline:none}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;z-index:3;background:var(--surface);padding:.5rem 1rem}
header{position:sticky;top:0;z-index:2;display:flex;align-items:center;gap:1rem;min-height:3.75rem;padding:.5rem 1.25rem;
background:var(--surface);border-bottom:1px solid var(--line)}
.mark{display:flex;flex:none;align-items:center;gap:.55rem;margin:0;font-weight:600;white-space:nowrap}
.sign{flex:none;width:1.6rem;height:1.6rem;fill:none;stroke:currentColor;stroke-width:1.5}
.sign .here{fill:var(--accent);stroke:none}
.filter{display:flex;align-items:center;gap:.6rem;flex:1 1 auto;justify-content:flex-end;min-width:0}
.filter label{color:var(--muted);font-size:.875rem}
.filter input{width:100%;max-width:18rem;min-width:0;min-height:2.75rem;padding:.4rem .75rem;font:inherit;color:var(--ink);
background:var(--surface);border:1px solid var(--edge);border-radius:.5rem}
.filter input::placeholder{color:var(--muted);opacity:1}
.filter span{color:var(--muted);font-size:.875rem;white-space:nowrap}
.filter span:empty{display:none}
.columns{max-width:84rem;margin:0 auto;padding:0 1.25rem}
nav{font-size:.9375rem}
nav p{margin:1rem 0 .25rem;font-weight:600}
nav p a{color:var(--ink);text-decoration:none}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:flex;align-items:baseline;gap:.5rem;padding:.3rem 0;color:var(--muted);text-decoration:none;line-height:1.35}
nav a:hover{color:var(--ink);text-decoration:underline}
.aside{display:none}
.contents{margin:1rem 0 0}
.contents li a{min-height:2.75rem;align-items:center}
@media (min-width:60rem){
.columns{display:grid;grid-template-columns:19rem minmax(0,1fr);gap:3rem;padding:0 2rem}
.contents{display:none}
.aside{display:block;position:sticky;top:3.75rem;max-height:calc(100vh - 3.75rem);overflow:auto;padding:.25rem .5rem 2rem 3px}
header{padding-inline:2rem}}
`

const TEXT = `
main{padding:1.75rem 0 6rem;max-width:54rem}
h1{font-size:1.9rem;line-height:1.2;letter-spacing:-.018em;margin:0 0 1rem;text-wrap:balance}
h2{font-size:1.45rem;line-height:1.25;letter-spacing:-.012em;margin:4rem 0 .25rem;padding-top:1.5rem;border-top:2px solid var(--ink)}
h3{font-size:1.0625rem;line-height:1.5;margin:0 0 .4rem;display:flex;flex-wrap:wrap;align-items:baseline;gap:.2rem .6rem}
h4{font-size:.9375rem;margin:1.5rem 0 .4rem}
h5{font-size:.875rem;font-weight:600;color:var(--muted);margin:.9rem 0 .3rem}
p{margin:0 0 .9rem;max-width:46rem;text-wrap:pretty}
.lead{color:var(--muted)}
.summary{font-size:1.125rem;font-weight:600;line-height:1.4}
.note,.callers{font-size:.9375rem;color:var(--muted)}
.callers strong{font-weight:600;color:var(--ink)}
article{padding:2rem 0 1.5rem}
article+article{border-top:1px solid var(--line)}
code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{font-size:.875em}
.path{font-size:1em;font-weight:600;overflow-wrap:break-word}
.anchor{color:var(--muted);text-decoration:none;font-weight:400}
.method{flex:none;display:inline-block;min-width:3.6em;font:700 .6875rem/1.6 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;
text-align:center;padding:.05rem .3rem;border:1px solid currentColor;border-radius:.3rem;color:var(--accent-text)}
.method[data-method=get]{color:var(--muted)}
.method[data-method=delete]{color:var(--danger)}
.status{font:700 .875rem/1 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;color:var(--accent-text);margin-inline-end:.25rem}
.status[data-class="4"],.status[data-class="5"]{color:var(--danger)}
dt{font-weight:600;margin-top:1rem}
dd{margin:0}
`

const PARTS = `
table{width:100%;border-collapse:collapse;font-size:.9375rem;line-height:1.5;table-layout:fixed;margin:0 0 .5rem}
thead th{font-size:.8125rem;font-weight:600;color:var(--muted)}
thead th:first-child{width:30%}
th,td{text-align:start;vertical-align:top;padding:.5rem .75rem .5rem 0;border-bottom:1px solid var(--line);font-weight:400}
tbody th code{font-weight:600}
.type,.required{display:block;font-size:.8125rem;color:var(--muted)}
.required{color:var(--accent-text)}
.limits{display:block;font-size:.8125rem;color:var(--muted)}
tr.inside>td{padding:0 0 .5rem}
summary{cursor:pointer;min-height:2.75rem;padding:.55rem 0;font-size:.9375rem}
summary:hover{color:var(--accent-text)}
details details{border-inline-start:2px solid var(--line);padding-inline-start:.9rem}
tr.inside>td>details{border-inline-start:2px solid var(--line);padding-inline-start:.9rem}
.answer{margin:0;border-bottom:1px solid var(--line)}
p.answer{padding:.55rem 0;font-size:.9375rem;max-width:none}
details.answer[open]{padding-bottom:1rem}
figure{margin:0 0 .75rem}
figcaption{font-size:.875rem;color:var(--muted);margin:0 0 .25rem}
pre{margin:0;padding:.85rem 1rem;background:var(--tint);border:1px solid var(--line);border-radius:.5rem;overflow:auto;overflow-wrap:normal;line-height:1.55;font-size:.8125rem}
pre code{font-size:inherit}
@media (max-width:36rem){.filter label{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
thead th:first-child{width:42%}}
@media print{header,nav{display:none}}
@media (forced-colors:active){.method{border:1px solid}}
`

export const REFERENCE_STYLE = [COLOURS, FRAME, TEXT, PARTS].join('').trim()
