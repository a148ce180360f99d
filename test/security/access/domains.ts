// Access rows of domains, which managers of their region manage, and of hosts, about which anybody may ask.
import { type AccessRow, everybody, managersOnly, type Target, type ThingMaker } from './shape.ts'

const domainsOf = ({ org }: Target) => `/v1/orgs/${org.id}/domains`
const domainOf = (target: Target) => `${domainsOf(target)}/${target.things['domain']}`

export const DOMAIN_THINGS: readonly ThingMaker[] = [
  {
    kind: 'domain',
    make: async ({ identity, target, manager }) => {
      const reply = await identity.inject({
        method: 'POST',
        url: domainsOf(target),
        headers: { authorization: `Bearer ${manager}` },
        payload: { domain: `app.${target.org.slug}.example`, region: target.region },
      })
      const { name, value } = reply.body['proof']
      identity.zone.records.set(name, [value])
      return String(reply.body['id'])
    },
  },
]

export const DOMAIN_ROWS: readonly AccessRow[] = [
  { route: 'GET /v1/orgs/:org/domains', request: (target) => ({ url: domainsOf(target) }), ...managersOnly('200') },
  {
    route: 'POST /v1/orgs/:org/domains',
    request: (target) => ({ url: domainsOf(target), payload: { domain: 'new.example', region: target.region } }),
    ...managersOnly('201'),
  },
  { route: 'GET /v1/orgs/:org/domains/:id', request: (target) => ({ url: domainOf(target) }), ...managersOnly('200') },
  {
    route: 'PUT /v1/orgs/:org/domains/:id',
    request: (target) => ({ url: domainOf(target), payload: { is_primary: false }, headers: { 'if-match': '*' } }),
    ...managersOnly('200'),
  },
  {
    route: 'DELETE /v1/orgs/:org/domains/:id',
    request: (target) => ({ url: domainOf(target) }),
    ...managersOnly('204'),
  },
  {
    route: 'POST /v1/orgs/:org/domains/:id/verify',
    request: (target) => ({ url: `${domainOf(target)}/verify` }),
    ...managersOnly('200'),
  },
  {
    route: 'GET /v1/hosts/resolve',
    request: ({ org, region }) => ({ url: `/v1/hosts/resolve?host=${org.slug}.${region}.example.test` }),
    ...everybody('200'),
  },
  {
    route: 'GET /v1/hosts/tls-ask',
    request: ({ org, region }) => ({ url: `/v1/hosts/tls-ask?domain=${org.slug}.${region}.example.test` }),
    ...everybody('200'),
  },
]
