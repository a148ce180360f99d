import {
  domainChangeSchema,
  domainCreateSchema,
  domainIdSchema,
  domainPageSchema,
  domainSchema,
} from '@meridian/protocol/domains'
import { hostQuerySchema, hostResolutionSchema, tlsQuerySchema } from '@meridian/protocol/hosts'
import { pageQuerySchema } from '@meridian/protocol/paging'
import {
  CREATED_AT,
  ETAG,
  IDEMPOTENCY_KEY_FOR_RETRY,
  ifMatch,
  type Operation,
  ORG_NAME,
  pathParameter,
  redirectTo,
} from './operation.ts'

const DOMAINS = { area: 'Domains', caller: 'person' } as const
const HOSTS = { area: 'Domains', caller: 'anybody', isRateLimited: true } as const
const MANAGERS = 'For managers of the region that it leads to.'
const ID = pathParameter('id', domainIdSchema, 'Id of the domain.')
const FOUND = { status: 200, description: 'As it is now.', schema: domainSchema, headers: { ETag: ETAG } }

export const DOMAIN_OPERATIONS: readonly Operation[] = [
  {
    ...DOMAINS,
    id: 'listDomains',
    method: 'get',
    path: '/v1/orgs/{org}/domains',
    summary: 'The organization’s own domains, page by page',
    description: 'For managers: the domains of the regions that they manage.',
    parameters: [ORG_NAME],
    query: pageQuerySchema,
    answers: [{ status: 200, description: 'One page.', schema: domainPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...DOMAINS,
    id: 'addDomain',
    method: 'post',
    path: '/v1/orgs/{org}/domains',
    summary: 'Claims a domain for the organization in a region',
    description: `${MANAGERS} Anybody may claim any domain; it leads to whoever proves it first, by the TXT record in \`proof\`. A claim that is not proved lapses after 30 days. \`domain_taken\`: it is one of the platform’s own names.`,
    parameters: [ORG_NAME, IDEMPOTENCY_KEY_FOR_RETRY],
    body: { kind: 'json', schema: domainCreateSchema, examples: [{ summary: 'A domain' }] },
    answers: [
      { status: 201, description: 'Claimed.', schema: domainSchema, headers: { Location: CREATED_AT, ETag: ETAG } },
    ],
    errors: { kind: 'problem', codes: ['access_denied', 'domain_taken', 'conflict', 'idempotency_key_reused'] },
  },
  {
    ...DOMAINS,
    id: 'readDomain',
    method: 'get',
    path: '/v1/orgs/{org}/domains/{id}',
    summary: 'One domain',
    description: MANAGERS,
    parameters: [ORG_NAME, ID],
    answers: [FOUND],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found'] },
  },
  {
    ...DOMAINS,
    id: 'verifyDomain',
    method: 'post',
    path: '/v1/orgs/{org}/domains/{id}/verify',
    summary: 'Looks for the TXT record now',
    description: `${MANAGERS} Once in five seconds. \`domain_unproved\` says in \`record\` what was looked for; \`domain_taken\`: another organization has proved it, or had it lately. Where the DNS gives no answer, nothing changes.`,
    parameters: [ORG_NAME, ID],
    answers: [FOUND],
    errors: {
      kind: 'problem',
      codes: ['access_denied', 'not_found', 'domain_unproved', 'domain_taken', 'rate_limited'],
    },
  },
  {
    ...DOMAINS,
    id: 'changeDomain',
    method: 'put',
    path: '/v1/orgs/{org}/domains/{id}',
    summary: 'Makes a domain the primary one of its region, or no longer',
    description: `${MANAGERS} There is one at most: the former one is that no longer. Only an active domain can be it.`,
    parameters: [ORG_NAME, ID, ifMatch(true)],
    body: { kind: 'json', schema: domainChangeSchema, examples: [{ summary: 'Primary' }] },
    answers: [FOUND],
    errors: {
      kind: 'problem',
      codes: ['access_denied', 'not_found', 'conflict', 'precondition_failed', 'precondition_required'],
    },
  },
  {
    ...DOMAINS,
    id: 'releaseDomain',
    method: 'delete',
    path: '/v1/orgs/{org}/domains/{id}',
    summary: 'Gives a domain up',
    description: `${MANAGERS} No other organization can prove it for a while; the same one can.`,
    parameters: [ORG_NAME, ID, ifMatch(false)],
    answers: [{ status: 204, description: 'Given up.' }],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found', 'precondition_failed'] },
  },
  {
    ...HOSTS,
    id: 'resolveHost',
    method: 'get',
    path: '/v1/hosts/resolve',
    summary: 'Where a host leads',
    description:
      'For a proxy. The first of these counts: a proved domain, a slug that was given up, the slug in a region, the slug below the base domain. Every host that leads nowhere is answered alike.',
    query: hostQuerySchema,
    answers: [
      {
        status: 200,
        description: 'Where it leads.',
        schema: hostResolutionSchema,
        headers: { 'X-Redirect-To': { ...redirectTo('The `redirect_to`, where there is one.'), required: false } },
      },
    ],
    errors: { kind: 'problem', codes: ['unknown_host'] },
  },
  {
    ...HOSTS,
    id: 'askForTls',
    method: 'get',
    path: '/v1/hosts/tls-ask',
    summary: 'Whether a certificate may be had for a host',
    description: 'As Caddy’s `on_demand_tls` asks. A host that leads somewhere now may have one, and no other.',
    query: tlsQuerySchema,
    answers: [{ status: 200, description: 'It may.' }],
    errors: { kind: 'problem', codes: ['unknown_host'] },
  },
]
