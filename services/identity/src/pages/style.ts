// The look of all pages. Colours are custom properties, so that brand.ts can put an organization's in their place.
// Text is 16 px or larger in fields (a smaller one makes iOS zoom), and what is pressed is 44 px or higher.

/** What text stands on, for the contrast of a brand's colour. */
export const SURFACES = { light: '#fdfefd', dark: '#132024' }

export const COLOURS = `
:root{color-scheme:light dark;
--ground:#e7edeb;--surface:${SURFACES.light};--tint:#eef4f2;--ink:#11252a;--muted:#4b5f64;--line:#cad6d3;--edge:#6d8386;
--accent:#0c5563;--on-accent:#ffffff;--accent-text:#0c5563;--danger:#a01c1c;--danger-tint:#fcedeb;--globe:#cfdbd8}
@media (prefers-color-scheme:dark){:root{
--ground:#0a1316;--surface:${SURFACES.dark};--tint:#1a2b30;--ink:#e7f0ef;--muted:#a6b8b9;--line:#2b3f44;--edge:#718a8d;
--accent:#6fc7d1;--on-accent:#04171b;--accent-text:#7fd0d9;--danger:#ffb4ab;--danger-tint:#3b1b1a;--globe:#1b2c31}}
`

const FRAME = `
*,*::before,*::after{box-sizing:border-box}
[hidden]{display:none!important}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100svh;background:var(--surface);color:var(--ink);
font:1rem/1.55 "Avenir Next",Avenir,"Segoe UI Variable Text","Segoe UI",Ubuntu,Cantarell,"Noto Sans",system-ui,sans-serif;overflow-wrap:anywhere}
.globe{position:fixed;z-index:-1;left:50%;bottom:-74vmin;width:110vmin;height:110vmin;margin-left:-30vmin;
fill:none;stroke:var(--globe);stroke-width:1}
.globe *{vector-effect:non-scaling-stroke}
.globe .here{stroke:var(--accent);stroke-width:2}
.globe .place{fill:var(--accent);stroke:none}
.panel{position:relative;background:var(--surface);padding:1.5rem 1.25rem 2rem;max-width:30rem;margin:0 auto}
.panel::after{content:"";position:absolute;left:0;right:0;top:100%;height:5rem;background:linear-gradient(var(--surface),transparent);pointer-events:none}
.mark{display:flex;align-items:center;gap:.65rem;margin:0 0 2.25rem;font-weight:600;line-height:1.25;letter-spacing:.01em;min-height:2.5rem}
.mark img{display:block;flex:none;height:2.5rem;width:auto;max-width:9rem;object-fit:contain;background:#fff;border-radius:.4rem;padding:.2rem}
.sign{flex:none;width:1.75rem;height:1.75rem;fill:none;stroke:currentColor;stroke-width:1.5}
.sign .here{fill:var(--accent);stroke:none}
.tile{flex:none;display:grid;place-items:center;width:2.5rem;height:2.5rem;border-radius:.5rem;background:var(--accent);color:var(--on-accent);font-size:1.25rem}
h1{font-size:1.75rem;line-height:1.2;font-weight:600;letter-spacing:-.018em;margin:0 0 .5rem;text-wrap:balance}
p{margin:0 0 1rem;text-wrap:pretty}
.lead{color:var(--muted);margin:0 0 1.75rem}
.lead+p{margin:-1rem 0 1.75rem}
.lead bdi{color:var(--ink);font-weight:600}
.note{color:var(--muted);font-size:.9375rem;margin:.9rem 0 0}
footer{display:flex;align-items:center;gap:.4rem;margin:2rem 0 0;color:var(--muted);font-size:.875rem}
footer .sign{width:1.1rem;height:1.1rem}
@media (min-width:36rem){
body{background:var(--ground);padding:clamp(1.5rem,9vh,6.5rem) 1.5rem}
.panel{width:27rem;padding:2.25rem 2.5rem 2.5rem;border:1px solid var(--line);border-radius:1rem;
box-shadow:0 1.5rem 3rem -1.5rem rgb(6 30 36/.22)}
.panel::after{content:none}
.globe{left:auto;right:-38vmin;bottom:-32vmin;margin:0;width:128vmin;height:128vmin}}
@media (min-width:64rem){
.panel{margin:0 0 0 clamp(4rem,13vw,14rem)}
.globe{right:-14vmin;bottom:auto;top:calc(50% - 64vmin)}}
`

const CONTROLS = `
label{display:block;font-weight:600;margin:0 0 .4rem}
.field{margin:0 0 1rem}
input{display:block;width:100%;min-height:3rem;padding:.6rem .85rem;font:inherit;font-size:1.0625rem;color:var(--ink);
background:var(--surface);border:1px solid var(--edge);border-radius:.6rem;appearance:none}
input[type=search]::-webkit-search-cancel-button{width:1.25rem;height:1.25rem}
.otp{font:600 1.5rem/1.2 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;letter-spacing:.3em;font-variant-numeric:tabular-nums}
input[aria-invalid]{border-color:var(--danger);border-width:2px}
button,.button{display:block;width:100%;min-height:3rem;padding:.7rem 1.1rem;font:inherit;font-weight:600;text-align:center;text-decoration:none;
color:var(--on-accent);background:var(--accent);border:1px solid transparent;border-radius:.6rem;cursor:pointer;overflow-wrap:anywhere;appearance:none}
button+button{margin-top:.75rem}
.note+button{margin-top:1.5rem}
.quiet{color:var(--ink);background:transparent;border-color:var(--edge)}
button:hover,.button:hover{box-shadow:0 0 0 3px var(--line)}
.quiet:hover,.choice:hover{background:var(--tint);box-shadow:none}
button:disabled{color:var(--muted);border-style:dashed;cursor:default;background:transparent;box-shadow:none}
button[aria-busy]{opacity:.75;cursor:progress}
:focus-visible{outline:3px solid var(--accent-text);outline-offset:2px}
input:focus{outline:3px solid var(--accent-text);outline-offset:1px}
.error{display:flex;gap:.65rem;padding:.8rem 1rem;border-radius:.6rem;background:var(--danger-tint);color:var(--danger);font-weight:600}
.error::before{content:"!";flex:none;display:grid;place-items:center;width:1.5rem;height:1.5rem;border:2px solid currentColor;border-radius:50%;line-height:1}
.resend{margin:1.5rem 0 0;padding:1.5rem 0 0;border-top:1px solid var(--line)}
.wait,.told{color:var(--muted);font-size:.9375rem;margin:.6rem 0 0;font-variant-numeric:tabular-nums}
.wait:empty,.told:empty{margin:0}
.ways{list-style:none;margin:1.25rem 0 0;padding:0}
.ways a{display:inline-flex;align-items:center;min-height:2.75rem;color:var(--accent-text);text-underline-offset:.2em;text-decoration-thickness:1px}
.ways a:hover{text-decoration-thickness:2px}
.account,.choice{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 .75rem;text-align:start}
.account{padding-block:.85rem}
.account .first,.account .second{flex:1 0 100%}
.second{font-weight:400;font-size:.9375rem}
h2{font-size:1rem;font-weight:600;line-height:1.35;margin:0 0 .5rem}
section{margin:0 0 1.5rem}
.choice{color:var(--ink);background:transparent;border-color:var(--edge)}
.choice+.choice{margin-top:.5rem}
.choice .first{flex:1 1 auto}
.choice .second{color:var(--muted)}
.choice .state{flex:1 0 100%;font-weight:400;font-size:.9375rem}
.choice:disabled:hover{background:transparent}
.filter{position:sticky;top:0;z-index:1;background:var(--surface);padding:.75rem 0;margin:-.75rem 0 .75rem}
.filter .field{margin:0}
.who,.technical{color:var(--muted);font-size:.875rem;margin:1.5rem 0 0}
.technical{padding-top:1rem;border-top:1px solid var(--line)}
code{font:.8125rem/1.4 ui-monospace,"SF Mono",Menlo,Consolas,monospace}
@media (prefers-reduced-motion:no-preference){button,.button,input{transition:background-color .15s,box-shadow .15s,border-color .15s}}
@media (forced-colors:active){.globe{display:none}.tile,.mark img{border:1px solid}}
`

export const STYLE = [COLOURS, FRAME, CONTROLS].join('').trim()
