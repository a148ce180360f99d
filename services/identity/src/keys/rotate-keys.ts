// Carries out what life-cycle.ts says, for the schedule and for the operator. Everything that changes keys takes one
// lock, reads, decides and writes in one transaction: processes and people may all ask at the same time.
import { withTransaction } from '@meridian/database/transaction'
import { type AuditKind, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import type { IdentityDb } from '../store/open-store.ts'
import {
  activateSigningKey,
  insertActiveSigningKey,
  lockSigningKeys,
  type NewSigningKey,
  readLivingKeys,
  retireSigningKey,
  revokeSigningKey,
  stageSigningKey,
} from '../store/signing-keys.ts'
import { generateSigningKey } from './generate-signing-key.ts'
import { type KeyView, keysOf, type SigningAlgorithm, type Transition } from './life-cycle.ts'

export type RotateDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes'> & {
  readonly secrets: Pick<Deps['secrets'], 'sealKeys'>
}

/** What was done, or would be; the kid of a key that is yet to be made is null. */
export type KeyChange = Omit<Transition, 'kid'> & { readonly kid: string | null }

export type ChangeOptions = {
  /** Says what would be done, and does nothing. */
  readonly isDryRun?: boolean
  /** Of the audit events. */
  readonly requestId: string
}

/** Does what `choose` wants of the keys as they are then. It is asked again under the lock, and may throw. */
export async function changeKeys(
  deps: RotateDeps,
  choose: (view: KeyView) => readonly Transition[],
  options: ChangeOptions,
): Promise<readonly KeyChange[]> {
  const expected = choose(await readLivingKeys(deps.db))
  if (options.isDryRun === true) return expected.map((transition) => ({ kid: null, ...transition }))
  if (expected.length === 0) return []
  const made = await makeKeys(deps, expected)
  return withTransaction(deps.db, async (db) => {
    await lockSigningKeys(db)
    const view = await readLivingKeys(db)
    const done: KeyChange[] = []
    for (const transition of choose(view)) {
      const kid = await carryOut(db, transition, made.get(transition.alg))
      if (kid === undefined) continue
      done.push({ ...transition, kid })
      await audit(deps, db, view, { ...transition, kid }, options.requestId)
    }
    return done
  })
}

/** Made before the lock is taken: an RSA key takes its time. */
async function makeKeys(deps: RotateDeps, transitions: readonly Transition[]) {
  const made = new Map<SigningAlgorithm, NewSigningKey>()
  for (const { kind, alg } of transitions) {
    if (kind !== 'stage' && kind !== 'replace') continue
    made.set(alg, await generateSigningKey(alg, deps.secrets, deps.randomBytes))
  }
  return made
}

/** The kid, or undefined where nothing was changed. */
async function carryOut(
  db: IdentityDb,
  transition: Transition,
  made: NewSigningKey | undefined,
): Promise<string | undefined> {
  switch (transition.kind) {
    case 'stage':
      return made !== undefined && (await stageSigningKey(db, made)) ? made.kid : undefined
    case 'replace':
      if (made === undefined || !(await insertActiveSigningKey(db, made))) throw new Error('no successor was made')
      return made.kid
    case 'activate':
      return (await activateSigningKey(db, transition.kid)) ? transition.kid : undefined
    case 'retire':
      return (await retireSigningKey(db, transition.kid)) ? transition.kid : undefined
    case 'revoke':
      return (await revokeSigningKey(db, transition.kid)) ? transition.kid : undefined
  }
}

const AUDIT_KINDS: Readonly<Record<Transition['kind'], AuditKind>> = {
  stage: 'key.staged',
  activate: 'key.activated',
  replace: 'key.activated',
  retire: 'key.retired',
  revoke: 'key.revoked',
}

function audit(deps: RotateDeps, db: IdentityDb, view: KeyView, change: KeyChange, requestId: string): Promise<void> {
  const { kind, alg, kid } = change
  const replaced = kind === 'activate' ? keysOf(view, alg, 'active').map((key) => key.kid) : []
  return recordAudit(db, deps.makeId, AUDIT_KINDS[kind], {
    outcome: 'success',
    requestId,
    details: {
      kid: kid ?? '',
      alg,
      ...(kind === 'replace' ? { emergency: true } : {}),
      ...(replaced.length === 0 ? {} : { retiring: replaced }),
    },
  })
}
