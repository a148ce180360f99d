// The OpenAPI 3.1 description of all that programs may ask of this service, made once at start: operations are listed in
// a file an area, schemas come from packages/protocol (schemas.ts), errors from the tables that answer them (responses.ts).
// pages/api-reference-page.ts shows it to people. A route that is in neither fails test/security/openapi.test.ts.
import type {
  ApiMethod,
  ApiOperation,
  ApiParameter,
  MediaTypes,
  OpenApiDocument,
  SecurityRequirement,
} from '@meridian/protocol/openapi'
import { annotate } from './annotate.ts'
import { CLIENT_OPERATIONS } from './clients.ts'
import { DISCOVERY_OPERATIONS } from './discovery.ts'
import { exampleOf } from './example.ts'
import { ME_OPERATIONS } from './me.ts'
import { type Area, type Body, inlineSchema, type Operation } from './operation.ts'
import { ORG_OPERATIONS } from './orgs.ts'
import { REGION_OPERATIONS } from './regions.ts'
import { responsesOf } from './responses.ts'
import { buildComponents, type Components, findName, refTo } from './schemas.ts'
import { requirementsOf, securitySchemesOf } from './security.ts'
import { SIGN_IN_OPERATIONS } from './sign-in.ts'
import { TOKEN_OPERATIONS } from './tokens.ts'

const OPERATIONS: readonly Operation[] = [
  ...SIGN_IN_OPERATIONS,
  ...TOKEN_OPERATIONS,
  ...DISCOVERY_OPERATIONS,
  ...ME_OPERATIONS,
  ...ORG_OPERATIONS,
  ...CLIENT_OPERATIONS,
  ...REGION_OPERATIONS,
]

const AREAS: Readonly<Record<Area, string>> = {
  'Signing in': 'Where a person comes in and goes out.',
  Tokens: 'What a client gets, asks about and gives back.',
  Discovery: 'Public documents: anybody may read and cache them, from any origin.',
  'The signed-in person': 'What people see and change of their own account, with an account token.',
  Organizations: 'Provisioning, by sys-admins.',
  Clients: 'Who may ask for tokens: seen and managed by sys-admins. Nobody registers a client for themselves.',
  Regions: 'What a regional API reads and reports, with its own client’s token.',
}

const DESCRIPTION = `Who a person is, which organizations they belong to, and in which regions with which role; and the tokens with which they act there.

**Access tokens.** An *account token* opens this service. A *region token* opens one region’s API for one organization; it comes from the token endpoint with \`resource\` and \`org_id\`.

**Errors.** \`/v1\` answers problem details (RFC 9457) whose \`code\` is stable, and refuses fields that it does not know. \`/oauth\` answers as RFC 6749 §5.2 and ignores parameters that it does not know. Every answer names its request in \`X-Request-Id\`.

**Pages.** \`/sign-in\` and what is below it, and \`/email-change/stop\`, are for people: browsers come to them from \`/oauth/authorize\` and from mails, and they are no interface.`

export function buildDocument({ issuer, productName }: { issuer: string; productName: string }): OpenApiDocument {
  const components = buildComponents()
  const paths: Record<string, Partial<Record<ApiMethod, ApiOperation>>> = {}
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: operationOf(operation, components) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: `${productName} identity service`,
      version: '1.0.0',
      summary: 'Sign-in, tokens and the directory of organizations.',
      description: DESCRIPTION,
    },
    servers: [{ url: issuer }],
    tags: Object.entries(AREAS).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas: components, securitySchemes: securitySchemesOf(issuer) },
  }
}

function operationOf(operation: Operation, components: Components): ApiOperation {
  const { id, area, summary, description, caller, body, parameters = [] } = operation
  const security: readonly SecurityRequirement[] = requirementsOf(caller)
  return {
    operationId: id,
    tags: [area],
    summary,
    ...(description === undefined ? {} : { description }),
    security,
    parameters: [...parameters, ...queryParameters(operation)],
    ...(body === undefined ? {} : { requestBody: requestBodyOf(body, components) }),
    responses: responsesOf(operation, components),
  }
}

function queryParameters({ query }: Operation): readonly ApiParameter[] {
  if (query === undefined) return []
  const { properties = {}, required = [] } = annotate(inlineSchema(query), [findName(query) ?? 'Query'])
  return Object.entries(properties).map(([name, { description = '', ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    description,
    schema,
  }))
}

function requestBodyOf(body: Body, components: Components): NonNullable<ApiOperation['requestBody']> {
  const mediaType = body.kind === 'form' ? 'application/x-www-form-urlencoded' : 'application/json'
  const examples = body.examples.map(({ summary, fields = [], of = body.schema }, index) => [
    `example${index + 1}`,
    { summary, value: exampleOf(refTo(of), components, fields) },
  ])
  const content: MediaTypes = { [mediaType]: { schema: refTo(body.schema), examples: Object.fromEntries(examples) } }
  return { required: body.isOptional !== true, content }
}
