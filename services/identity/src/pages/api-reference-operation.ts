import type { ApiMethod, ApiOperation, ApiResponse, JsonSchema } from '@meridian/protocol/openapi'
import { type Call, callsOf } from './api-reference-curl.ts'
import {
  expandable,
  headerTable,
  parameterTable,
  resolved,
  type Schemas,
  schemeName,
  structureOf,
} from './api-reference-schema.ts'
import { paragraphs, rich } from './api-reference-text.ts'
import { type Html, html } from './html.ts'

export type Place = {
  readonly server: string
  readonly path: string
  readonly method: ApiMethod
  readonly schemas: Schemas
}

export function operationArticle(place: Place, operation: ApiOperation): Html {
  const { operationId: id, summary, description, parameters, requestBody, responses } = operation
  const failures = Object.entries(responses).filter(([, response]) => codesOf(response).length > 0)
  const pages = Object.entries(responses).filter(
    ([status]) => Number(status) >= 400 && !failures.some(([failure]) => failure === status),
  )
  return html`<article id="${id}" data-operation aria-labelledby="${id}-name">
<h3 id="${id}-name">${methodBadge(place.method)} <code class="path">${breakable(place.path)}</code> <a class="anchor" href="#${id}" aria-label="Link to ${summary}">#</a></h3>
<p class="summary">${rich(summary)}</p>
${description === undefined ? null : paragraphs(description)}
${callers(operation)}
${parameters.length === 0 ? null : html`<h4>Parameters</h4>${parametersByPlace(operation, place.schemas)}`}
${requestBody === undefined ? null : body(requestBody, place.schemas)}
${callExamples(callsOf(place, operation), summary)}
<h4>Answers</h4>
${Object.entries(responses).map(([status, response]) => (Number(status) < 400 || isMixed(response) ? answer(status, response, place.schemas) : null))}
${failures.length === 0 ? null : errorTable(failures)}
${pages.length === 0 ? null : html`<p class="note">${pages.map(([status]) => status).join(', ')}: a page that says what went wrong.</p>`}
</article>`
}

function callExamples(calls: readonly Call[], summary: string): Html {
  const figures = calls.map(({ title, command }) => {
    const caption = title === null ? null : html`<figcaption>${title}</figcaption>`
    return html`<figure>${caption}<pre tabindex="0" aria-label="${title ?? 'Example'}: ${summary}"><code>${command}</code></pre></figure>`
  })
  return html`<h4>${calls.length > 1 ? 'Examples' : 'Example'}</h4>${figures}`
}

/** Long paths may break after a slash. */
function breakable(path: string): Html {
  return html`${path.split(/(?<=\/)/).map((part, index) => html`${index > 0 ? html`<wbr>` : null}${part}`)}`
}

export function methodBadge(method: ApiMethod): Html {
  return html`<span class="method" data-method="${method}">${method.toUpperCase()}</span>`
}

function callers({ security }: ApiOperation): Html {
  if (security.length === 0) return html`<p class="callers"><strong>Caller:</strong> anybody.</p>`
  const ways = security.flatMap((way) => Object.keys(way))
  const isOptional = security.some((way) => Object.keys(way).length === 0)
  const links = ways.map(
    (way, index) => html`${index > 0 ? ', ' : ''}<a href="#scheme-${way}">${schemeName(way).toLowerCase()}</a>`,
  )
  const rest = 'signOnCookie' in (security[0] ?? {}) ? ', or none yet' : ', or a public client by its client_id'
  return html`<p class="callers"><strong>Authentication:</strong> ${links}${isOptional ? rest : ''}.</p>`
}

const PLACES = { path: 'In the path', query: 'In the query', header: 'Headers' } as const

function parametersByPlace({ parameters }: ApiOperation, schemas: Schemas): Html {
  const groups = Map.groupBy(parameters, (parameter) => parameter.in)
  return html`${[...groups].map(([place, group]) => html`<h5>${PLACES[place]}</h5>${parameterTable(group, schemas)}`)}`
}

function body(requestBody: NonNullable<ApiOperation['requestBody']>, schemas: Schemas): Html {
  return html`${Object.entries(requestBody.content).map(([mediaType, { schema }]) => {
    const whole = resolved(schema, schemas)
    const strict = whole.additionalProperties === false ? 'Unknown fields are refused.' : 'Unknown fields are ignored.'
    const note = whole.type === 'string' ? 'As it is.' : strict
    return html`<h4>Body <code>${mediaType}</code></h4><p class="note">${requestBody.required ? '' : 'May be left out. '}${note}</p>${structureOf(schema, schemas)}`
  })}`
}

function answer(status: string, response: ApiResponse, schemas: Schemas): Html {
  const { headers, content = {}, 'x-parameters': added } = response
  const description = isMixed(response) ? (response.description.split(' Or: ')[0] ?? '') : response.description
  const parts = [
    ...Object.entries(content).flatMap(([mediaType, { schema, examples }]) =>
      mediaParts(mediaType, withoutErrors(schema), examples, schemas),
    ),
    added === undefined ? null : html`<h5>Parameters that it carries</h5>${structureOf(added, schemas)}`,
    headers === undefined ? null : html`<h5>Headers</h5>${headerTable(headers, schemas)}`,
  ].filter((part) => part !== null)
  const title = html`<span class="status" data-class="${status.charAt(0)}">${status}</span> ${rich(description)}`
  if (parts.length === 0) return html`<p class="answer">${title}</p>`
  return html`<details class="answer"><summary>${title}</summary>${parts}</details>`
}

function mediaParts(
  mediaType: string,
  schema: JsonSchema,
  examples: Readonly<Record<string, { value: unknown }>> = {},
  schemas: Schemas,
): readonly (Html | null)[] {
  const [example] = Object.values(examples)
  const shown = example === undefined ? null : JSON.stringify(example.value, null, 2)
  return [
    html`<h5>Body <code>${mediaType}</code></h5>`,
    structureOf(schema, schemas),
    shown === null
      ? null
      : expandable('Example', html`<pre tabindex="0" aria-label="Example of the answer"><code>${shown}</code></pre>`),
  ]
}

function withoutErrors(schema: JsonSchema): JsonSchema {
  return schema.anyOf?.find(({ allOf }) => allOf === undefined) ?? schema
}

/** An answer and errors under one status. */
function isMixed({ content = {} }: ApiResponse): boolean {
  return Object.values(content).some(({ schema }) => schema.anyOf !== undefined)
}

type Code = { readonly code: string; readonly meaning: string }

function codesOf({ content = {} }: ApiResponse): readonly Code[] {
  return Object.values(content).flatMap(({ schema }) =>
    [schema, ...(schema.anyOf ?? [])]
      .flatMap(({ allOf = [] }) => allOf)
      .flatMap(({ properties = {} }) => Object.values(properties))
      .flatMap((member) => Object.entries(member['x-enumDescriptions'] ?? {}))
      .map(([code, meaning]) => ({ code, meaning })),
  )
}

function errorTable(failures: readonly (readonly [string, ApiResponse])[]): Html {
  const rows = failures.flatMap(([status, response]) =>
    codesOf(response).map(
      ({ code, meaning }) =>
        html`<tr><th scope="row"><span class="status" data-class="${status.charAt(0)}">${status}</span> <code>${code}</code></th><td>${meaning}</td></tr>`,
    ),
  )
  return html`<details class="answer"><summary>Errors: ${rows.length} codes</summary><table><thead><tr><th scope="col">Status and code</th><th scope="col">Meaning</th></tr></thead><tbody>${rows}</tbody></table></details>`
}
