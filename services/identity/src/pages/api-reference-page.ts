// The reference of the API as a page: the OpenAPI description (http/openapi), read out for people. For developers, in
// English alone. Works without script; nothing in it comes from anywhere else.
import { API_METHODS, type ApiMethod, type ApiOperation, type OpenApiDocument } from '@meridian/protocol/openapi'
import { methodBadge, operationArticle, type Place } from './api-reference-operation.ts'
import { schemeName } from './api-reference-schema.ts'
import { FILTER_SCRIPT } from './api-reference-script.ts'
import { REFERENCE_STYLE } from './api-reference-style.ts'
import { paragraphs, rich } from './api-reference-text.ts'
import { brandMark } from './brand.ts'
import { Html, html } from './html.ts'
import { inlineCode } from './inline-code.ts'
import type { Page } from './page.ts'

const STYLE = inlineCode(REFERENCE_STYLE)

type Entry = { readonly place: Place; readonly operation: ApiOperation }

export function renderApiReference(document: OpenApiDocument, { productName }: { productName: string }): Page {
  const entries = entriesOf(document)
  const areas = document.tags.map(({ name, description }, index) => ({
    id: `area-${index + 1}`,
    name,
    description,
    entries: entries.filter(({ operation }) => operation.tags[0] === name),
  }))
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${document.info.title}: API reference</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="color-scheme" content="light dark">
<style>${new Html(STYLE.source)}</style>
</head>
<body>
<a class="skip" href="#main">To the reference</a>
<header>${brandMark(null, productName).header}
<div class="filter" data-filter hidden><label for="filter">Filter</label><input id="filter" type="search" autocomplete="off" spellcheck="false" placeholder="path, field or error"><span data-told role="status"></span></div>
</header>
<div class="columns">
<nav aria-label="Operations"><details class="contents"><summary>Contents</summary>${contents(areas)}</details><div class="aside">${contents(areas)}</div></nav>
<main id="main" tabindex="-1">
<h1>${document.info.title}</h1>
<div data-unfiltered>${paragraphs(document.info.description)}
<p>For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1). All paths are below <code>${document.servers[0]?.url ?? ''}</code>.</p></div>
${areas.map(areaSection)}
${securitySection(document)}
</main>
</div>
<script>${new Html(FILTER_SCRIPT.source)}</script>
</body>
</html>
`
  return { html: page.toString(), contentSecurityPolicy: POLICY }
}

const POLICY = [
  "default-src 'none'",
  `style-src ${STYLE.hash}`,
  `script-src ${FILTER_SCRIPT.hash}`,
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ')

function entriesOf({ paths, servers, components }: OpenApiDocument): readonly Entry[] {
  const { schemas } = components
  const server = servers[0]?.url ?? ''
  return Object.entries(paths).flatMap(([path, methods]) =>
    API_METHODS.flatMap((method: ApiMethod) => {
      const operation = methods[method]
      return operation === undefined ? [] : [{ place: { server, path, method, schemas }, operation }]
    }),
  )
}

type Area = {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly entries: readonly Entry[]
}

function contents(areas: readonly Area[]): Html {
  const lists = areas.map(
    ({ id, name, entries }) =>
      html`<div data-links><p><a href="#${id}">${name}</a></p><ul>${entries.map(link)}</ul></div>`,
  )
  return html`${lists}<p><a href="#authentication">Authentication</a></p>`
}

function link({ place, operation }: Entry): Html {
  return html`<li><a href="#${operation.operationId}">${methodBadge(place.method)} <span>${place.path}</span></a></li>`
}

function areaSection({ id, name, description, entries }: Area): Html {
  return html`<section data-area aria-labelledby="${id}"><h2 id="${id}">${name}</h2><p class="lead">${rich(description)}</p>
${entries.map(({ place, operation }) => operationArticle(place, operation))}</section>`
}

function securitySection({ components }: OpenApiDocument): Html {
  const schemes = Object.entries(components.securitySchemes).map(
    ([id, { description, name }]) =>
      html`<dt id="scheme-${id}">${schemeName(id)}</dt><dd>${rich(description)}${name === undefined ? null : html` Name: <code>${name}</code>`}</dd>`,
  )
  return html`<section aria-labelledby="authentication"><h2 id="authentication">Authentication</h2><dl>${schemes}</dl></section>`
}
