// A look at a domain's TXT record, and what comes of it. The record is the domain's own, and nothing else is asked for.
import { withTransaction } from '@meridian/database/transaction'
import { type AuditKind, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { Settings } from '../settings.ts'
import type { AuditEvent } from '../store/audit-events.ts'
import { isDomainTaken, lockDomain, moveDomain, releaseDomain, type StoredDomain } from '../store/domains.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { type DomainStatus, type Look, statusAfter } from './domain-life-cycle.ts'
import { proofNameOf } from './domain-name.ts'

export const DAY_SECONDS = 86_400

export type LookDeps = Pick<Deps, 'db' | 'makeId' | 'resolveTxt'> & {
  readonly settings: Pick<Settings, 'domainGraceSeconds' | 'domainLapseSeconds' | 'domainQuarantineSeconds'>
}

/** Of however many records one has to be the value, character by character. */
export async function lookAt(deps: Pick<Deps, 'resolveTxt'>, domain: StoredDomain): Promise<Look> {
  const answer = await deps.resolveTxt(proofNameOf(domain.domain))
  if (answer.kind === 'unavailable') return 'unanswered'
  return answer.kind === 'found' && answer.values.includes(domain.verification) ? 'proved' : 'unproved'
}

const KINDS: Readonly<Partial<Record<DomainStatus, AuditKind>>> = {
  degraded: 'domain.degraded',
  disabled: 'domain.disabled',
  released: 'domain.released',
}

function kindOf(before: DomainStatus, after: DomainStatus): AuditKind | undefined {
  if (after === 'active') return before === 'pending' ? 'domain.verified' : 'domain.enabled'
  return KINDS[after]
}

export type Cause = Pick<AuditEvent, 'requestId' | 'ip' | 'actorUserId' | 'clientId' | 'sessionId'>

/**
 * Moves a domain on after a look at it; in a transaction of its own, or in the one that `authorize` is given. Throws
 * Refusal (domain_taken) where another organization has it.
 */
export async function applyLook(
  deps: LookDeps,
  seen: StoredDomain,
  look: Look,
  cause: Cause,
  authorize: (db: IdentityDb) => Promise<unknown> = async () => {},
): Promise<DomainStatus> {
  try {
    return await withTransaction(deps.db, async (db) => {
      await authorize(db)
      const domain = await lockDomain(db, seen.id)
      if (domain === undefined) return 'released'
      return move(deps, db, domain, look, cause)
    })
  } catch (error) {
    if (isDomainTaken(error))
      throw new Refusal('domain_taken', 'another organization has proved it, or gave it up lately')
    throw error
  }
}

async function move(
  deps: LookDeps,
  db: IdentityDb,
  domain: StoredDomain,
  look: Look,
  cause: Cause,
): Promise<DomainStatus> {
  const failingSeconds = domain.failing_since === null ? 0 : domain.now - domain.failing_since
  const status = statusAfter(domain.status, failingSeconds, look, deps.settings)
  if (look === 'unanswered' || status === 'pending') return status
  if (status === 'released') await releaseDomain(db, domain.id, deps.settings.domainQuarantineSeconds)
  else await moveDomain(db, domain.id, status, look === 'unproved', DAY_SECONDS)
  const kind = status === domain.status ? undefined : kindOf(domain.status, status)
  if (kind !== undefined) {
    await recordAudit(db, deps.makeId, kind, {
      outcome: 'success',
      ...cause,
      orgId: domain.org_id,
      region: domain.region,
      details: { domain_id: domain.id },
      before: { status: domain.status },
      after: { status },
    })
  }
  return status
}
