// An organization's own domains, as its managers manage them, each in the region that it leads to. A domain is claimed by
// anybody, and belongs to whoever proves it first.
import { withTransaction } from '@meridian/database/transaction'
import type { Domain, DomainCreate, DomainPage } from '@meridian/protocol/domains'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { Settings } from '../settings.ts'
import {
  countDomains,
  findDomain,
  insertDomain,
  listDomains,
  listRegionHosts,
  lockDomain,
  releaseDomain,
  type StoredDomain,
  setPrimary,
  takeLook,
} from '../store/domains.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { answerOnce } from './answer-once.ts'
import { mayAct, regionsOfAuthority, requireAuthority, requireAuthorityToChange } from './authority.ts'
import { type Actor, byActor } from './by-actor.ts'
import { isKin, parseDomainName, proofNameOf } from './domain-name.ts'
import { instantOf } from './instant.ts'
import { applyLook, type Cause, DAY_SECONDS, type LookDeps, lookAt } from './look-at-domain.ts'

const PERMISSION = 'domains:write'
const VERIFICATION_BYTES = 32
/** A claim that nobody proves does not stand for ever. */
const CLAIM_SECONDS = 30 * DAY_SECONDS
const LOOK_EVERY_SECONDS = 5

type ManagingDeps = LookDeps & Pick<Deps, 'randomBytes' | 'settings'>

/** Throws Refusal: access_denied, invalid_request, domain_taken, conflict, idempotency_key_reused. */
export async function addDomain(
  deps: ManagingDeps,
  actor: Actor,
  org: string,
  request: DomainCreate,
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<Domain> {
  return withTransaction(deps.db, async (db) => {
    const { org_id: orgId } = await requireAuthorityToChange(db, actor, org, PERMISSION, request.region)
    const key = { scope: `add_domain ${orgId} ${actor.userId}`, value: idempotencyKey, request }
    return answerOnce(db, key, 201, async () => {
      const domain = await parseOwnDomain(deps.settings, db, request.domain)
      if ((await countDomains(db, orgId)) >= deps.settings.domainsMax)
        throw new Refusal('conflict', 'too many domains', 'The organization has as many domains as it may have')
      const verification = `meridian-verification=${Buffer.from(deps.randomBytes(VERIFICATION_BYTES)).toString('base64url')}`
      const claim = { id: deps.makeId(), orgId, region: request.region, domain, verification }
      const added = await insertDomain(db, claim, CLAIM_SECONDS)
      if (added === undefined)
        throw new Refusal('conflict', 'claimed twice', 'domain: the organization has it on its list already')
      await recordDomain(deps, db, 'domain.added', added, byActor(actor, origin))
      return present(added)
    })
  })
}

async function parseOwnDomain(settings: Settings, db: IdentityDb, text: string): Promise<string> {
  const domain = parseDomainName(text)
  if (domain === undefined) throw new Refusal('invalid_request', 'no domain', 'domain: is no name of the public DNS')
  const { issuer, baseDomain } = settings
  const ours = [new URL(issuer).hostname, ...(baseDomain === undefined ? [] : [baseDomain])]
  if (isKin(domain, [...ours, ...(await listRegionHosts(db))]))
    throw new Refusal('domain_taken', 'one of our own hosts, or kin of one')
  return domain
}

/** In the regions that the person manages. Throws Refusal (access_denied). */
export async function readDomains(
  deps: Pick<Deps, 'db'>,
  person: Pick<Actor, 'userId'>,
  org: string,
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<DomainPage> {
  const standing = await requireAuthority(deps.db, person, org, PERMISSION)
  const regions = regionsOfAuthority(standing, PERMISSION)
  const rows = await listDomains(deps.db, standing.org_id, regions, { ...page, limit: page.limit + 1 })
  const domains = rows.slice(0, page.limit).map(present)
  return { domains, next_cursor: rows.length > page.limit ? (domains.at(-1)?.id ?? null) : null }
}

/** Throws Refusal: access_denied, not_found. */
export async function readDomain(
  deps: Pick<Deps, 'db'>,
  person: Pick<Actor, 'userId'>,
  org: string,
  id: string,
): Promise<Domain> {
  return present(await getDomain(deps.db, person, org, id))
}

/** The same for what somebody may not see as for what is not there. */
async function getDomain(
  db: IdentityDb,
  person: Pick<Actor, 'userId'>,
  org: string,
  id: string,
): Promise<StoredDomain> {
  const standing = await requireAuthority(db, person, org, PERMISSION)
  const domain = await findDomain(db, standing.org_id, id)
  if (domain === undefined || !mayAct(standing, PERMISSION, domain.region))
    throw new Refusal('not_found', 'no such domain in a region of theirs')
  return domain
}

/**
 * Looks for the TXT record now. Throws Refusal: access_denied, not_found, rate_limited, domain_unproved, domain_taken,
 * temporarily_unavailable.
 */
export async function verifyDomain(
  deps: ManagingDeps,
  actor: Actor,
  org: string,
  id: string,
  origin: Origin,
): Promise<Domain> {
  const domain = await getDomain(deps.db, actor, org, id)
  if (!(await takeLook(deps.db, id, LOOK_EVERY_SECONDS)))
    throw new Refusal('rate_limited', 'looked at a moment ago', undefined, { retryAfterSeconds: LOOK_EVERY_SECONDS })
  const look = await lookAt(deps, domain)
  if (look === 'unanswered')
    throw new Refusal('temporarily_unavailable', 'DNS gave no answer', 'The DNS gave no answer; nothing has changed')
  await applyLook(deps, domain, look, byActor(actor, origin), (db) =>
    requireAuthorityToChange(db, actor, org, PERMISSION, domain.region),
  )
  if (look === 'proved') return present(await getDomain(deps.db, actor, org, id))
  throw new Refusal('domain_unproved', 'no such TXT record', 'Add the record, and try again when it can be resolved', {
    members: { record: proofOf(domain) },
  })
}

/** Throws Refusal: access_denied, not_found, precondition_failed, conflict. */
export async function changeDomain(
  deps: ManagingDeps,
  actor: Actor,
  org: string,
  id: string,
  change: { readonly is_primary: boolean },
  expected: ExpectedVersions,
  origin: Origin,
): Promise<Domain> {
  return withTransaction(deps.db, async (db) => {
    const domain = await lockToChange(db, actor, org, id, expected)
    if (change.is_primary && domain.status !== 'active')
      throw new Refusal('conflict', 'not active', 'Only an active domain can be the primary one')
    if (change.is_primary !== domain.is_primary) {
      await setPrimary(db, domain, change.is_primary)
      const cause = byActor(actor, origin)
      await recordDomain(deps, db, 'domain.made_primary', domain, cause, { is_primary: change.is_primary })
    }
    return present(await getDomain(db, actor, org, id))
  })
}

/** Others cannot prove it for a while. Throws Refusal: access_denied, not_found, precondition_failed. */
export async function releaseOwnDomain(
  deps: ManagingDeps,
  actor: Actor,
  org: string,
  id: string,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<void> {
  await withTransaction(deps.db, async (db) => {
    const domain = await lockToChange(db, actor, org, id, expected)
    await releaseDomain(db, id, deps.settings.domainQuarantineSeconds)
    await recordDomain(deps, db, 'domain.released', domain, byActor(actor, origin), { status: domain.status })
  })
}

/** Gives up a claim that nobody has proved in its time. */
export async function lapseClaim(deps: LookDeps, claim: StoredDomain, cause: Cause): Promise<void> {
  await withTransaction(deps.db, async (db) => {
    const domain = await lockDomain(db, claim.id)
    if (domain?.status !== 'pending') return
    await releaseDomain(db, domain.id, deps.settings.domainQuarantineSeconds)
    await recordDomain(deps, db, 'domain.released', domain, cause, { status: domain.status })
  })
}

/** The organization's row is locked first, as everywhere. */
async function lockToChange(
  db: IdentityDb,
  actor: Actor,
  org: string,
  id: string,
  expected: ExpectedVersions,
): Promise<StoredDomain> {
  await requireAuthorityToChange(db, actor, org, PERMISSION)
  await getDomain(db, actor, org, id)
  const domain = await lockDomain(db, id)
  if (domain === undefined) throw new Refusal('not_found', 'released meanwhile')
  if (expected !== 'any' && !expected.includes(domain.version))
    throw new Refusal('precondition_failed', 'another version', 'Changed since it was read')
  return domain
}

async function recordDomain(
  deps: Pick<Deps, 'makeId'>,
  db: IdentityDb,
  kind: 'domain.added' | 'domain.released' | 'domain.made_primary',
  domain: StoredDomain,
  cause: Cause,
  details: Readonly<Record<string, string | boolean>> = {},
): Promise<void> {
  await recordAudit(db, deps.makeId, kind, {
    outcome: 'success',
    ...cause,
    orgId: domain.org_id,
    region: domain.region,
    details: { domain_id: domain.id, ...details },
  })
}

const proofOf = ({ domain, verification }: StoredDomain) =>
  ({ type: 'TXT', name: proofNameOf(domain), value: verification }) as const

function present(domain: StoredDomain): Domain {
  const instant = (seconds: number | null) => (seconds === null ? null : instantOf(seconds))
  return {
    id: domain.id,
    org_id: domain.org_id,
    region: domain.region,
    domain: domain.domain,
    status: domain.status,
    is_primary: domain.is_primary,
    proof: proofOf(domain),
    created_at: instantOf(domain.created_at),
    verified_at: instant(domain.verified_at),
    last_checked_at: instant(domain.last_checked_at),
    failing_since: instant(domain.failing_since),
    version: domain.version,
  }
}
