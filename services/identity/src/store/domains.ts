// Organizations' own domains. What one changes to is decided in directory/; that one domain is proved by one
// organization, and kept from others after it was given up, is held by unique indexes and a trigger.
import type { Statement } from '@meridian/database/database'
import { sqlStateOf } from '@meridian/database/sql-state'
import { orgIdSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const seconds = z.number()

const domainSchema = z.object({
  id: z.uuidv7(),
  org_id: orgIdSchema,
  region: regionCodeSchema,
  domain: z.string(),
  status: z.enum(['pending', 'active', 'degraded', 'disabled']),
  verification: z.string(),
  is_primary: z.boolean(),
  version: z.int(),
  created_at: seconds,
  verified_at: seconds.nullable(),
  last_checked_at: seconds.nullable(),
  failing_since: seconds.nullable(),
  /** The database's clock as it read them. */
  now: seconds,
})
/** Instants are seconds since the epoch. */
export type StoredDomain = z.infer<typeof domainSchema>

const epoch = (column: string) => `extract(epoch FROM d.${column})::float8 AS ${column}`
const COLUMNS = `d.id::text, d.org_id::text, d.region, d.domain, d.status, d.verification, d.is_primary, d.version,
  ${['created_at', 'verified_at', 'last_checked_at', 'failing_since'].map(epoch).join(', ')},
  extract(epoch FROM meridian_now())::float8 AS now`

const parseRows = (rows: readonly unknown[]) => rows.map((row) => domainSchema.parse(row))

const INSERT_DOMAIN: Statement = {
  name: 'insert_domain',
  text: `INSERT INTO organization_domain AS d (id, org_id, region, domain, verification, next_check_at)
    VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, meridian_now() + make_interval(secs => $6::float8))
    ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
}

export type NewDomain = {
  readonly id: string
  readonly orgId: string
  readonly region: string
  readonly domain: string
  readonly verification: string
}

/** Adds a claim that lapses in so many seconds. Resolves to undefined where the organization has the domain already. */
export async function insertDomain(
  db: IdentityDb,
  added: NewDomain,
  lapseSeconds: number,
): Promise<StoredDomain | undefined> {
  const { id, orgId, region, domain, verification } = added
  return parseRows(await db.sql(INSERT_DOMAIN, [id, orgId, region, domain, verification, lapseSeconds]))[0]
}

export async function countDomains(db: IdentityDb, orgId: string): Promise<number> {
  return db.prisma.organizationDomain.count({ where: { orgId, status: { not: 'released' } } })
}

const FIND_DOMAIN: Statement = {
  name: 'find_domain',
  text: `SELECT ${COLUMNS} FROM organization_domain d
    WHERE d.org_id = $1::uuid AND d.id = $2::uuid AND d.status <> 'released'`,
}

export async function findDomain(db: IdentityDb, orgId: string, id: string): Promise<StoredDomain | undefined> {
  return parseRows(await db.sql(FIND_DOMAIN, [orgId, id]))[0]
}

const LOCK_DOMAIN: Statement = {
  name: 'lock_domain',
  text: `SELECT ${COLUMNS} FROM organization_domain d WHERE d.id = $1::uuid AND d.status <> 'released' FOR UPDATE`,
}

/** Its row stays as it is until the transaction ends. */
export async function lockDomain(db: IdentityDb, id: string): Promise<StoredDomain | undefined> {
  return parseRows(await db.sql(LOCK_DOMAIN, [id]))[0]
}

const LIST_DOMAINS: Statement = {
  name: 'list_domains',
  text: `SELECT ${COLUMNS} FROM organization_domain d
    WHERE d.org_id = $1::uuid AND d.region = ANY ($2::text[]) AND d.status <> 'released'
      AND ($3::uuid IS NULL OR d.id > $3::uuid) ORDER BY d.id LIMIT $4::int`,
}

export async function listDomains(
  db: IdentityDb,
  orgId: string,
  regions: readonly string[],
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<readonly StoredDomain[]> {
  return parseRows(await db.sql(LIST_DOMAINS, [orgId, [...regions], page.after ?? null, page.limit]))
}

const TAKE_LOOK: Statement = {
  name: 'take_look_at_domain',
  text: `UPDATE organization_domain d SET last_checked_at = meridian_now()
    WHERE d.id = $1::uuid AND d.status <> 'released'
      AND (d.last_checked_at IS NULL OR d.last_checked_at <= meridian_now() - make_interval(secs => $2::float8))
    RETURNING d.id::text`,
}

/** Whether the domain may be looked at now: it was not, in the last so many seconds. */
export async function takeLook(db: IdentityDb, id: string, everySeconds: number): Promise<boolean> {
  return (await db.sql(TAKE_LOOK, [id, everySeconds])).length === 1
}

// The lease is the time to the next look, should nothing come of this one.
const TAKE_DUE: Statement = {
  name: 'take_due_domains',
  text: `UPDATE organization_domain d
    SET next_check_at = meridian_now() + make_interval(secs => $2::float8), last_checked_at = meridian_now()
    WHERE d.id IN (SELECT c.id FROM organization_domain c JOIN organization o ON o.id = c.org_id
      WHERE c.next_check_at <= meridian_now() AND c.status <> 'released' AND o.status <> 'deleted'
      ORDER BY c.next_check_at LIMIT $1::int FOR UPDATE OF c SKIP LOCKED)
    RETURNING ${COLUMNS}`,
}

/** Domains that are due to be looked at; no other process is given them before the lease is over. */
export async function takeDueDomains(
  db: IdentityDb,
  limit: number,
  leaseSeconds: number,
): Promise<readonly StoredDomain[]> {
  return parseRows(await db.sql(TAKE_DUE, [limit, leaseSeconds]))
}

// Spread over a fifth of the time, so that what was added together is not looked at together for ever.
const MOVE_DOMAIN: Statement = {
  name: 'move_domain',
  text: `UPDATE organization_domain d SET status = $2::text,
      failing_since = CASE WHEN $3::boolean THEN coalesce(d.failing_since, meridian_now()) END,
      verified_at = CASE WHEN $2::text = 'active' AND d.status IN ('pending', 'disabled') THEN meridian_now() ELSE d.verified_at END,
      next_check_at = meridian_now() + make_interval(secs => $4::float8 * (0.9 + 0.2 * random()))
    WHERE d.id = $1::uuid`,
}

/** Throws what isDomainTaken knows where another organization has proved the domain, or gave it up lately. */
export async function moveDomain(
  db: IdentityDb,
  id: string,
  status: 'active' | 'degraded' | 'disabled',
  isFailing: boolean,
  nextLookSeconds: number,
): Promise<void> {
  await db.sql(MOVE_DOMAIN, [id, status, isFailing, nextLookSeconds])
}

/** Another organization has the domain: a unique index, or the trigger that minds the quarantine. */
export function isDomainTaken(error: unknown): boolean {
  return sqlStateOf(error) === '23505'
}

/** What makes `organization_domain d` a released one, kept from others for `$2` seconds; it stays so where it is one. */
export const RELEASED = `status = 'released', is_primary = false, released_at = coalesce(d.released_at, meridian_now()),
      quarantine_until = coalesce(d.quarantine_until,
        CASE WHEN d.verified_at IS NOT NULL THEN meridian_now() + make_interval(secs => $2::float8) END)`

const RELEASE_DOMAIN: Statement = {
  name: 'release_domain',
  text: `UPDATE organization_domain d SET ${RELEASED}
    WHERE d.id = $1::uuid AND d.status <> 'released'`,
}

/** One that was ever proved is kept from other organizations for so many seconds. */
export async function releaseDomain(db: IdentityDb, id: string, quarantineSeconds: number): Promise<void> {
  await db.sql(RELEASE_DOMAIN, [id, quarantineSeconds])
}

/** Makes a domain the primary one of its organization in its region, or no longer. Needs a transaction. */
export async function setPrimary(db: IdentityDb, domain: StoredDomain, isPrimary: boolean): Promise<void> {
  const place = { orgId: domain.org_id, region: domain.region, isPrimary: true, id: { not: domain.id } }
  if (isPrimary) await db.prisma.organizationDomain.updateMany({ where: place, data: { isPrimary: false } })
  await db.prisma.organizationDomain.updateMany({ where: { id: domain.id }, data: { isPrimary } })
}

const OUR_HOSTS: Statement = {
  name: 'list_our_hosts',
  text: `SELECT host_suffix AS host FROM region UNION SELECT substring(api_url from '^[a-z]+://([^:/]+)') FROM region`,
}

/** Hosts of the regions, withdrawn ones included: their APIs, and what tenant hosts end in. */
export async function listRegionHosts(db: IdentityDb): Promise<readonly string[]> {
  const rows = await db.sql(OUR_HOSTS, [])
  return rows.map((row) => z.object({ host: z.string() }).parse(row).host)
}
