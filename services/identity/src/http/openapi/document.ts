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
import { AUDIT_OPERATIONS } from './audit.ts'
import { CLIENT_OPERATIONS } from './clients.ts'
import { DISCOVERY_OPERATIONS } from './discovery.ts'
import { DOMAIN_OPERATIONS } from './domains.ts'
import { exampleOf } from './example.ts'
import { INVITATION_OPERATIONS } from './invitations.ts'
import { ME_OPERATIONS } from './me.ts'
import { MEMBER_OPERATIONS } from './members.ts'
import { MODULE_OPERATIONS } from './modules.ts'
import { type Area, type Body, inlineSchema, type Operation, type RawBody } from './operation.ts'
import { ORG_LIFECYCLE_OPERATIONS } from './org-lifecycle.ts'
import { ORG_LOOKS_OPERATIONS } from './org-looks.ts'
import { ORG_OPERATIONS } from './orgs.ts'
import { OWN_ACCOUNT_OPERATIONS } from './own-account.ts'
import { REGION_LANE_OPERATIONS } from './region-lanes.ts'
import { REGION_OPERATIONS } from './regions.ts'
import { responsesOf } from './responses.ts'
import { buildComponents, type Components, findName, refTo } from './schemas.ts'
import { requirementsOf, securitySchemesOf } from './security.ts'
import { SIGN_IN_OPERATIONS } from './sign-in.ts'
import { SUPPORT_OPERATIONS } from './support.ts'
import { SYNC_OPERATIONS } from './sync.ts'
import { TOKEN_OPERATIONS } from './tokens.ts'
import { USER_OPERATIONS } from './users.ts'

export const OPERATIONS: readonly Operation[] = [
  ...SIGN_IN_OPERATIONS,
  ...TOKEN_OPERATIONS,
  ...DISCOVERY_OPERATIONS,
  ...OWN_ACCOUNT_OPERATIONS,
  ...ME_OPERATIONS,
  ...ORG_OPERATIONS,
  ...ORG_LIFECYCLE_OPERATIONS,
  ...ORG_LOOKS_OPERATIONS,
  ...MEMBER_OPERATIONS,
  ...INVITATION_OPERATIONS,
  ...USER_OPERATIONS,
  ...CLIENT_OPERATIONS,
  ...SUPPORT_OPERATIONS,
  ...AUDIT_OPERATIONS,
  ...REGION_OPERATIONS,
  ...REGION_LANE_OPERATIONS,
  ...SYNC_OPERATIONS,
  ...MODULE_OPERATIONS,
  ...DOMAIN_OPERATIONS,
]

const AREAS: Readonly<Record<Area, string>> = {
  'Signing in': 'Where a person comes in and goes out.',
  Tokens: 'What a client gets, asks about and gives back.',
  Discovery: 'Public documents: anybody may read and cache them, from any origin.',
  'The signed-in person': 'Where people may act and are signed in, and their address, with an account token.',
  'The own account': 'What people are called here, what is held about them, and its end.',
  Organizations: 'Provisioned and closed by sys-admins, named and dressed by their managers, seen by their people.',
  Members: 'Who belongs to an organization, where and as what: seen and managed by its managers, left by anybody.',
  Users: 'People and sys-admins, as sys-admins see them: where they belong, never what they may do there.',
  Invitations: 'How somebody comes to an organization: invited by a manager, by address, and by saying yes.',
  Clients: 'Who may ask for tokens: seen and managed by sys-admins. Nobody registers a client for themselves.',
  Modules: 'What organizations can have, what each is licensed for, and what it has switched on.',
  'Support access': 'How somebody from outside is let into an organization: asked for, approved there, and soon over.',
  Audit: 'What happened: to search, to take away and to verify, for managers and for sys-admins.',
  Domains: 'The hosts that lead to an organization, its own domains among them.',
  Regions: 'What a regional API reads and reports, with its own client’s token.',
  Synchronization: 'How regions are, as they report it, and what they are asked to do about their copy.',
  'Region lanes': 'What a regional API follows, with its own client’s token: what to refuse, and what to erase.',
}

const DESCRIPTION = `Who a person is, which organizations they belong to, and in which regions with which role; and the tokens with which they act there.

**Access tokens.** An *account token* opens this service. A *region token* opens one region’s API for one organization; it comes from the token endpoint with \`resource\` and \`org_id\`.

**Errors.** \`/v1\` answers problem details (RFC 9457) whose \`code\` is stable, and refuses fields and query parameters that it does not know, and a body where none is taken (400 \`invalid_request\`). \`/oauth\` answers as RFC 6749 §5.2 and ignores parameters that it does not know. Every answer names its request in \`X-Request-Id\`.

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

function queryParameters({ id, query }: Operation): readonly ApiParameter[] {
  if (query === undefined) return []
  const { properties = {}, required = [] } = annotate(inlineSchema(query), [findName(query) ?? `Query ${id}`])
  return Object.entries(properties).map(([name, { description = '', ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    description,
    schema,
  }))
}

function requestBodyOf(body: Body | RawBody, components: Components): NonNullable<ApiOperation['requestBody']> {
  if (body.kind === 'raw') {
    const content = body.mediaTypes.map((type) => [type, { schema: { type: 'string', contentMediaType: type } }])
    return { required: true, content: Object.fromEntries(content) as MediaTypes }
  }
  const mediaType = body.kind === 'form' ? 'application/x-www-form-urlencoded' : 'application/json'
  const examples = body.examples.map(({ summary, fields = [], of = body.schema }, index) => [
    `example${index + 1}`,
    { summary, value: exampleOf(refTo(of), components, fields) },
  ])
  const content: MediaTypes = { [mediaType]: { schema: refTo(body.schema), examples: Object.fromEntries(examples) } }
  return { required: body.isOptional !== true, content }
}
