// Which organization and region a host leads to. One host may be named in several ways; the first of these counts: a
// proved domain, a slug that an organization has given up, its slug in a region, its slug below the base domain.
import type { Statement } from '@meridian/database/database'
import { hostEntrySchema } from '@meridian/protocol/hosts'
import { orgIdSchema, orgSlugSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const IS_OPEN = `o.status IN ('active', 'maintenance')`
const IS_SERVED = `d.status IN ('active', 'degraded')`
const IS_KEPT = `a.kept_until > meridian_now()`

/** A host of ours is nobody else's, whatever an organization is called. */
const isOurs = (host: string, issuerHost: string) => `(${host} = ${issuerHost} OR EXISTS (SELECT FROM region ours
  WHERE ${host} IN (ours.host_suffix, substring(ours.api_url from '^[a-z]+://([^:/]+)'))))`

const LIST_HOSTS: Statement = {
  name: 'list_hosts_of_region',
  text: `WITH placed AS (
      SELECT o.id, o.slug, o.status, o.version, o.slug || '.' || r.host_suffix AS host, r.host_suffix AS suffix, r.code,
        o.home_region = r.code AS is_home
      FROM organization o JOIN organization_region x ON x.org_id = o.id AND x.status = 'active'
      JOIN region r ON r.code = x.region AND r.status = 'active'
      WHERE r.code = $1::text AND ${IS_OPEN}
    ), named AS (
      SELECT d.domain AS host, p.id, p.status, d.version, NULL AS redirect_to, 1 AS precedence
        FROM organization_domain d JOIN placed p ON p.id = d.org_id AND p.code = d.region WHERE ${IS_SERVED}
      UNION ALL SELECT a.slug || '.' || below.suffix, p.id, p.status, p.version, p.host, 2
        FROM slug_alias a JOIN placed p ON p.id = a.org_id
        CROSS JOIN LATERAL (SELECT p.suffix UNION SELECT $2::text WHERE p.is_home AND $2::text IS NOT NULL) below (suffix)
        WHERE ${IS_KEPT} AND a.slug <> p.slug
      UNION ALL SELECT p.host, p.id, p.status, p.version, NULL, 3 FROM placed p
      UNION ALL SELECT p.slug || '.' || $2::text, p.id, p.status, p.version, p.host, 4 FROM placed p
        WHERE p.is_home AND $2::text IS NOT NULL
    )
    SELECT DISTINCT ON (host) host, id::text AS org_id, status, version, redirect_to FROM named
    WHERE NOT ${isOurs('named.host', '$3::text')} ORDER BY host, precedence`,
}

const listedHostSchema = z.object({ ...hostEntrySchema.required().shape, redirect_to: z.string().nullable() })
export type ListedHost = z.infer<typeof listedHostSchema>

/** The platform's own names: of the identity service, and above tenant hosts, if there is one. */
export type OwnNames = { readonly issuerHost: string; readonly baseDomain: string | undefined }

/** All hosts of a region, each once, by name. */
export async function listHosts(db: IdentityDb, region: string, own: OwnNames): Promise<readonly ListedHost[]> {
  const rows = await db.sql(LIST_HOSTS, [region, own.baseDomain ?? null, own.issuerHost])
  return rows.map((row) => listedHostSchema.parse(row))
}

const FIND_HOST: Statement = {
  name: 'find_host',
  text: `WITH found AS (
      SELECT d.org_id, d.region, d.version, 1 AS precedence FROM organization_domain d WHERE d.domain = $1::text AND ${IS_SERVED}
      UNION ALL SELECT a.org_id, r.code, NULL, 2 FROM slug_alias a JOIN organization o ON o.id = a.org_id AND o.slug <> a.slug
        JOIN region r ON r.host_suffix = $3::text OR ($3::text = $4::text AND r.code = o.home_region)
        WHERE a.slug = $2::text AND ${IS_KEPT}
      UNION ALL SELECT o.id, r.code, NULL, 3 FROM organization o JOIN region r ON r.host_suffix = $3::text WHERE o.slug = $2::text
      UNION ALL SELECT o.id, o.home_region, NULL, 4 FROM organization o WHERE o.slug = $2::text AND $3::text = $4::text
    )
    SELECT f.precedence, o.id::text AS org_id, o.slug, r.code AS region, coalesce(f.version, o.version) AS version,
      o.slug || '.' || r.host_suffix AS tenant_host,
      (SELECT d.domain FROM organization_domain d
        WHERE d.org_id = o.id AND d.region = r.code AND d.is_primary AND ${IS_SERVED}) AS primary_domain
    FROM found f JOIN organization o ON o.id = f.org_id AND ${IS_OPEN}
      JOIN organization_region x ON x.org_id = o.id AND x.region = f.region AND x.status = 'active'
      JOIN region r ON r.code = x.region AND r.status = 'active'
    WHERE NOT ${isOurs('$1::text', '$5::text')} ORDER BY f.precedence LIMIT 1`,
}

const foundHostSchema = z.object({
  precedence: z.int(),
  org_id: orgIdSchema,
  slug: orgSlugSchema,
  region: regionCodeSchema,
  version: z.int(),
  /** `<slug>.<region's suffix>`, and the own domain that the organization would rather be reached at. */
  tenant_host: z.string(),
  primary_domain: z.string().nullable(),
})
export type FoundHost = Omit<z.infer<typeof foundHostSchema>, 'precedence'> & { readonly hasMoved: boolean }

/** What a host leads to; undefined where it leads nowhere. `hasMoved`: it is only the way to another one. */
export async function findHost(db: IdentityDb, host: string, own: OwnNames): Promise<FoundHost | undefined> {
  const dot = host.indexOf('.')
  const [label, rest] = dot === -1 ? [host, ''] : [host.slice(0, dot), host.slice(dot + 1)]
  const [row] = await db.sql(FIND_HOST, [host, label, rest, own.baseDomain ?? null, own.issuerHost])
  if (row === undefined) return undefined
  const { precedence, ...found } = foundHostSchema.parse(row)
  return { ...found, hasMoved: precedence === 2 || precedence === 4 }
}
