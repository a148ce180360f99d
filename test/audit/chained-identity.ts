// The audit of an identity service under test: sealed when a test wants it to be, and verified.
import { randomUUID } from 'node:crypto'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import { readSealBacklog } from '../../services/identity/src/audit/keep-sealing.ts'
import { recordAudit } from '../../services/identity/src/audit/record.ts'
import { type SealDeps, sealWaiting } from '../../services/identity/src/audit/seal.ts'
import { type Verification, type VerifyOptions, verifyAudit } from '../../services/identity/src/audit/verify.ts'
import { createCheckpointSigner, loadCheckpointOpener } from '../../services/identity/src/keys/checkpoint-signature.ts'
import type { IdentityDb } from '../../services/identity/src/store/open-store.ts'
import type { IdentityUnderTest, Instance } from '../support/identity.ts'
import { ask } from '../support/races.ts'

type Audited = Pick<IdentityUnderTest, 'db' | 'deps'>

export const sealDepsOf = ({ deps }: Pick<Instance, 'deps'>): SealDeps => ({
  ...deps,
  signCheckpoint: createCheckpointSigner(deps),
})

/** Once, as a sealer does it each second. */
export const sealOnce = (instance: Pick<Instance, 'deps'>): Promise<number> => sealWaiting(sealDepsOf(instance))

/**
 * Until nothing waits. Transactions of other tests, in other databases of the server, hold events up as well. Resolves
 * to how many were sealed.
 */
export async function seal(instance: Pick<Instance, 'deps'>): Promise<number> {
  let total = 0
  do total += await sealOnce(instance)
  while ((await readSealBacklog(instance.deps)).waiting > 0)
  return total
}

export async function verify({ db }: Audited, options: VerifyOptions = {}): Promise<Verification> {
  return verifyIn(db, options)
}

export async function verifyIn(db: IdentityDb, options: VerifyOptions = {}): Promise<Verification> {
  return verifyAudit({ db, openCheckpoint: await loadCheckpointOpener(db) }, options)
}

/** Events of no consequence, in the chain of an organization or (null) of the platform. */
export async function happen({ deps }: Pick<Instance, 'deps'>, orgId: string | null, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await recordAudit(deps.db, deps.makeId, 'context.chosen', {
      outcome: 'success',
      requestId: randomUUID(),
      ip: '192.0.2.7',
      orgId,
      region: orgId === null ? null : 'in',
      details: { index },
    })
  }
}

/** The ids of the sealed events of a chain, in its order. */
export async function chainOf(identity: Pick<IdentityUnderTest, 'db'>, chain: string): Promise<readonly string[]> {
  const rows = await ask(
    identity,
    'SELECT event_id::text AS id, seq::int AS seq FROM audit_seal WHERE chain = $1::uuid AND seq IS NOT NULL ORDER BY seq',
    [chain],
  )
  const gap = rows.find(({ seq }, index) => seq !== index + 1)
  if (gap !== undefined) throw new Error(`the chain has no place ${String(gap['seq'])} by counting`)
  return rows.map(({ id }) => String(id))
}

export async function idOfOrg(identity: Pick<IdentityUnderTest, 'db'>, slug: string): Promise<string> {
  const [row] = await ask(identity, 'SELECT id::text AS id FROM organization WHERE slug = $1::text', [slug])
  return String(row?.['id'])
}

/** Ids that come before all that are made now. */
export const makeEarlyId = createUuidV7({ now: () => 1_000_000_000_000, randomBytes: (size) => Buffer.alloc(size, 7) })
