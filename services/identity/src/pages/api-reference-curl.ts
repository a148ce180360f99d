// Calls as a shell writes them, out of the examples of the description. Secrets are variables of the shell.
import type { ApiMethod, ApiOperation, JsonSchema } from '@meridian/protocol/openapi'
import { resolved, type Schemas } from './api-reference-schema.ts'

export type Call = { readonly title: string | null; readonly command: string }

const PLACEHOLDER = /<([a-z_]+)>/g

export function callsOf(
  { server, path, method, schemas }: { server: string; path: string; method: ApiMethod; schemas: Schemas },
  operation: ApiOperation,
): readonly Call[] {
  const [mediaType, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
  const start = [
    `curl${method === 'get' ? '' : ` -X ${method.toUpperCase()}`} ${quoted(addressOf(server, path, operation, schemas))}`,
  ]
  const query = queryOf(operation)
  const common = [...start, ...authenticationOf(operation), ...headersOf(operation), ...query]
  if (query.length > 0) common[0] = `curl -G ${quoted(addressOf(server, path, operation, schemas))}`
  if (media?.schema.type === 'string') {
    const file = [`-H ${quoted(`Content-Type: ${mediaType}`)}`, '--data-binary @FILE']
    return [{ title: null, command: [...common, ...file].join(' \\\n  ') }]
  }
  const examples = Object.values(media?.examples ?? {})
  if (examples.length === 0) return [{ title: null, command: common.join(' \\\n  ') }]
  return examples.map(({ summary, value }) => {
    const body = mediaType === 'application/json' ? jsonOf(value) : formOf(value as Readonly<Record<string, unknown>>)
    return { title: summary, command: [...common, ...body].join(' \\\n  ') }
  })
}

function addressOf(server: string, path: string, { parameters }: ApiOperation, schemas: Schemas): string {
  const values = new Map(parameters.map(({ name, schema }) => [name, resolved(schema, schemas)]))
  return server + path.replace(/\{([a-z]+)\}/g, (_, name: string) => sampleOf(name, values.get(name) ?? {}))
}

function sampleOf(name: string, { format, examples }: JsonSchema): string {
  const [example] = examples ?? []
  if (example !== undefined) return String(example)
  if (format === 'uuid') return '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'
  return name === 'code' ? 'in' : 'reports'
}

function authenticationOf({ security }: ApiOperation): readonly string[] {
  const [first] = security
  if (first === undefined || security.some((way) => Object.keys(way).length === 0)) return []
  if ('accountToken' in first) return ['-H "Authorization: Bearer $ACCOUNT_TOKEN"']
  if ('clientToken' in first) return ['-H "Authorization: Bearer $CLIENT_TOKEN"']
  return ['-u "$CLIENT_ID:$CLIENT_SECRET"']
}

function headersOf({ parameters, requestBody }: ApiOperation): readonly string[] {
  const isJson = requestBody?.content['application/json'] !== undefined
  return parameters
    .filter(({ in: place }) => place === 'header')
    .flatMap(({ name, required, schema }) => {
      if (name === 'Idempotency-Key') return isJson ? ['-H "Idempotency-Key: $(openssl rand -hex 16)"'] : []
      return required ? [`-H ${quoted(`${name}: ${String(schema.examples?.[0] ?? '')}`)}`] : []
    })
}

/** All that have an example, where the call makes no sense without a query. */
function queryOf({ parameters }: ApiOperation): readonly string[] {
  const query = parameters.filter(({ in: place }) => place === 'query')
  if (!query.some(({ required }) => required)) return []
  return query.flatMap(({ name, schema: { examples = [] } }) =>
    examples.map((example) => pairOf(name, String(example))),
  )
}

function formOf(form: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(form).map(([name, value]) => pairOf(name, String(value)))
}

function pairOf(name: string, value: string): string {
  const secret = new RegExp(`^${PLACEHOLDER.source}$`).exec(value)?.[1]
  if (secret !== undefined) return `--data-urlencode "${name}=$${secret.toUpperCase()}"`
  return `--data-urlencode ${quoted(`${name}=${value}`)}`
}

function jsonOf(value: unknown): readonly string[] {
  const text = quoted(JSON.stringify(value, null, 2).replaceAll('\n', '\n  '))
  return [`--json ${text.replace(PLACEHOLDER, (_, name: string) => `'"$${name.toUpperCase()}"'`)}`]
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
