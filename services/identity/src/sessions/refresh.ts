// Presenting a refresh token: the hot path is one conditional statement that rotates the head and admits to the
// target; everything else is judged under the family's row lock by rotation-rule.ts. RFC 6749 §6, RFC 9700 §4.14.
import { withTransaction } from '@meridian/database/transaction'
import type { MakeId } from '@meridian/database/uuid-v7'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { queueNotice } from '../mail/notice.ts'
import { Refusal } from '../refusal.ts'
import { findSecretKey } from '../secrets/macs.ts'
import {
  type AccountMint,
  type RegionMint,
  type Rotation,
  readForAccount,
  readForRegion,
  rotateForAccount,
  rotateForRegion,
  type WantedTarget,
} from '../store/mint-state.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { type LockedFamily, lockFamily, revokeFamily, revokeSession } from '../store/refresh-token-families.ts'
import { formatRefreshToken, type RefreshTokenParts } from './refresh-token.ts'
import { judgePresentation, type Verdict } from './rotation-rule.ts'

export type RefreshDeps = Pick<Deps, 'db' | 'settings' | 'secrets' | 'makeId' | 'randomBytes' | 'log'>

export type RefreshRequest = {
  readonly clientId: string
  readonly token: RefreshTokenParts
  readonly retryKeyHash: Uint8Array | null
  /** Null asks for an account token. */
  readonly target: WantedTarget | null
  /** A narrower scope; null keeps what was granted. */
  readonly scope: string | null
  readonly origin: Origin
  readonly isAnswered: () => boolean
}

export type Refreshed = { readonly mint: AccountMint | RegionMint; readonly refreshToken: string }

/** Rotates, or answers a repeat with the same successor. Throws Refusal (invalid_grant, invalid_scope, invalid_target). */
export async function refresh(deps: RefreshDeps, request: RefreshRequest): Promise<Refreshed> {
  const [newestKey] = deps.secrets.tokenKeys
  const rotation: Rotation = {
    familyId: request.token.familyId,
    clientId: request.clientId,
    presentedCounter: request.token.counter,
    epoch: request.token.epoch,
    retryKeyHash: request.retryKeyHash,
    newHeadKeyId: newestKey.id,
    scope: request.scope,
  }
  const mint =
    request.target === null
      ? await rotateForAccount(deps.db, rotation)
      : await rotateForRegion(deps.db, rotation, request.target)
  if (mint !== undefined) return { mint, refreshToken: headOf(deps, request.clientId, mint) }
  return settleUnrotated(deps, request)
}

/** Derives the family's live head; the row names the key that the rotation used. */
export function headOf(
  deps: Pick<RefreshDeps, 'settings' | 'secrets'>,
  clientId: string,
  head: { family_id: string; counter: number; head_key_id: string; epoch: string },
): string {
  const key = findSecretKey(deps.secrets.tokenKeys, head.head_key_id)
  if (key === undefined) throw new Refusal('invalid_grant', `the key ${head.head_key_id} of the head was withdrawn`)
  const { family_id: familyId, counter, epoch } = head
  return formatRefreshToken(key, { issuer: deps.settings.issuer, clientId }, { familyId, counter, epoch })
}

type Settled = Refreshed | Refusal

async function settleUnrotated(deps: RefreshDeps, request: RefreshRequest): Promise<Refreshed> {
  // What ends a family must be committed, so refusals leave the transaction as values.
  const settled = await withTransaction(deps.db, async (db): Promise<Settled> => {
    const family = await lockFamily(db, request.token.familyId)
    if (family === undefined || family.client_id !== request.clientId) {
      return new Refusal('invalid_grant', 'the family is unknown')
    }
    const verdict = judgePresentation(
      stateOf(family),
      { ...request.token, retryKeyHash: request.retryKeyHash },
      deps.settings.refreshGraceSeconds,
    )
    if (verdict === 'repeat') return repeat(deps, db, request)
    if (verdict === 'head') return refuseHead(family, request)
    // Given up while it waited: its sender may have asked again meanwhile and gone on, and that is no theft.
    if (verdict === 'reuse' && request.isAnswered()) return new Refusal('invalid_grant', 'judged after its answer')
    await end(deps, db, family, verdict, request.origin)
    return new Refusal('invalid_grant', `refresh token: ${verdict}`)
  })
  if (settled instanceof Refusal) throw settled
  return settled
}

function stateOf(family: LockedFamily) {
  return {
    counter: family.counter,
    epoch: family.epoch,
    currentEpoch: family.current_epoch,
    secondsSinceRotation: family.seconds_since_rotation,
    retryKeyHash: family.retry_key_hash,
    isExpired: family.expired,
    isRevoked: family.revoked,
    arePartiesLive: family.parties_live,
  }
}

async function repeat(deps: RefreshDeps, db: IdentityDb, request: RefreshRequest): Promise<Settled> {
  const { familyId } = request.token
  const mint =
    request.target === null ? await readForAccount(db, familyId) : await readForRegion(db, familyId, request.target)
  if (mint === undefined) return refuseRepeat(db, familyId)
  if (!isNarrower(request.scope, mint.scope)) return new Refusal('invalid_scope', 'repeat: the scope is wider')
  return { mint, refreshToken: headOf(deps, request.clientId, mint) }
}

/** The parties were alive when the repeat was judged, by the statement before: one may have gone since. */
async function refuseRepeat(db: IdentityDb, familyId: string): Promise<Refusal> {
  const family = await lockFamily(db, familyId)
  if (family?.parties_live === true) return new Refusal('invalid_target', 'repeat: the target admits nobody')
  await revokeFamily(db, familyId, 'party_gone')
  return new Refusal('invalid_grant', 'refresh token: party_gone')
}

/** The head was genuine and alive, and still the statement refused: then it was the scope, or else the target. */
function refuseHead(family: LockedFamily, request: RefreshRequest): Refusal {
  if (!isNarrower(request.scope, family.scope)) return new Refusal('invalid_scope', 'the scope is wider than granted')
  const actor = { userId: family.user_id, clientId: family.client_id, sessionId: family.session_id }
  return new Refusal('invalid_target', 'the target admits nobody', undefined, { actor })
}

function isNarrower(wanted: string | null, granted: string): boolean {
  const held = granted.split(' ')
  return wanted === null || wanted.split(' ').every((scope) => held.includes(scope))
}

async function end(
  deps: RefreshDeps,
  db: IdentityDb,
  family: LockedFamily,
  verdict: Exclude<Verdict, 'head' | 'repeat'>,
  origin: Origin,
): Promise<void> {
  switch (verdict) {
    case 'ended':
      return
    case 'party_gone':
      await revokeFamily(db, family.id, 'party_gone')
      return
    case 'restored':
      await revokeFamily(db, family.id, 'restored')
      await recordFamilyEvent(db, deps.makeId, 'refresh.restored', family, origin)
      return
    case 'reuse':
      await revokeSession(db, family.session_id, 'reuse')
      await tellOwner(deps, db, family)
      await recordFamilyEvent(db, deps.makeId, 'refresh.reused', family, origin)
  }
}

async function tellOwner(deps: RefreshDeps, db: IdentityDb, family: LockedFamily): Promise<void> {
  if (family.email === null) return
  await queueNotice(deps, db, { kind: 'token_reuse', to: family.email })
}

function recordFamilyEvent(
  db: IdentityDb,
  makeId: MakeId,
  kind: 'refresh.reused' | 'refresh.restored',
  family: LockedFamily,
  origin: Origin,
): Promise<void> {
  return recordAudit(db, makeId, kind, {
    outcome: 'refused',
    requestId: origin.requestId,
    ip: origin.ip,
    actorUserId: family.user_id,
    clientId: family.client_id,
    sessionId: family.session_id,
  })
}
