// The authorization_code grant: RFC 6749 §4.1.3, PKCE S256 only (RFC 7636 §4.6). A code is redeemed once; the same
// request with the same Idempotency-Key is answered again while its refresh token is unused, and a valid replay
// without it ends what the code had opened (RFC 9700 §4.5).
import { createHash } from 'node:crypto'
import { withTransaction } from '@meridian/database/transaction'
import type { TokenRequestOf } from '@meridian/protocol/oauth-requests'
import { recordAudit } from '../audit/record.ts'
import { verifyAuthorizationCode } from '../login/authorization-code.ts'
import { Refusal } from '../refusal.ts'
import { headOf } from '../sessions/refresh.ts'
import { type ConsumedCode, consumeCode, findConsumedCode, type Presentation } from '../store/authorization-codes.ts'
import type { Client } from '../store/clients.ts'
import { readForAccount, readForRegion, type WantedTarget } from '../store/mint-state.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { insertFamily, type LockedFamily, lockFamilyOfCode, revokeSession } from '../store/refresh-token-families.ts'
import { findPlatformRoleOfSession } from '../store/sessions.ts'
import { type GrantContext, type GrantDeps, type Proof, targetOf } from './grant.ts'

type CodeRequest = TokenRequestOf<'authorization_code'>

export async function redeemAuthorizationCode(
  deps: GrantDeps,
  context: GrantContext,
  request: CodeRequest,
): Promise<Proof> {
  const { client, retryKeyHash } = context
  const presented = present(deps, client, request)
  const target = targetOf(client, request)
  const outcome = await withTransaction(deps.db, async (db): Promise<Proof | Refusal> => {
    const code = await consumeCode(db, presented, retryKeyHash)
    if (code === undefined) return settleUnconsumed(deps, db, context, presented, target)
    const familyId = await openFamily(deps, db, context, presented, code)
    // A target that admits nobody takes everything back: the code stays redeemable.
    return prove(deps, db, client, familyId, target, code.nonce)
  })
  if (outcome instanceof Refusal) throw outcome
  return outcome
}

function present(deps: GrantDeps, client: Client, request: CodeRequest): Presentation {
  const codeId = verifyAuthorizationCode(
    deps.secrets,
    { issuer: deps.settings.issuer, clientId: client.id },
    request.code,
  )
  if (codeId === undefined) throw new Refusal('invalid_grant', 'not a code of ours for this client')
  if (request.code_verifier === undefined) throw new Refusal('invalid_grant', 'no code_verifier')
  const codeChallenge = createHash('sha256').update(request.code_verifier).digest('base64url')
  return { codeId, clientId: client.id, codeChallenge, redirectUri: request.redirect_uri ?? null }
}

async function openFamily(
  deps: GrantDeps,
  db: IdentityDb,
  context: GrantContext,
  presented: Presentation,
  code: ConsumedCode,
): Promise<string> {
  const { client, retryKeyHash } = context
  const id = deps.makeId()
  const isSysAdmin = (await findPlatformRoleOfSession(db, code.session_id)) === 'sys_admin'
  await insertFamily(db, {
    id,
    sessionId: code.session_id,
    clientId: client.id,
    codeId: presented.codeId,
    headKeyId: deps.secrets.tokenKeys[0].id,
    retryKeyHash,
    ...lifetimesOf(deps, client, isSysAdmin),
    scope: code.scope,
    resource: code.resource,
    orgId: code.org_id,
  })
  return id
}

function lifetimesOf(deps: GrantDeps, client: Client, isSysAdmin: boolean) {
  const { settings } = deps
  if (isSysAdmin)
    return {
      idleSeconds: settings.sysAdminIdleSeconds,
      absoluteSeconds: settings.sysAdminAbsoluteSeconds,
      isAbsoluteFromSignIn: true,
    }
  const isExposed = client.browser && client.refreshTransport === 'body'
  return {
    idleSeconds: settings.refreshIdleSeconds,
    absoluteSeconds: isExposed ? settings.browserBodyAbsoluteSeconds : settings.refreshAbsoluteSeconds,
    isAbsoluteFromSignIn: false,
  }
}

async function prove(
  deps: GrantDeps,
  db: IdentityDb,
  client: Client,
  familyId: string,
  target: WantedTarget | null,
  nonce: string | null,
): Promise<Proof> {
  const redeemed = { nonce }
  if (target === null) {
    const mint = await readForAccount(db, familyId)
    if (mint === undefined) throw new Refusal('invalid_grant', 'session, person or client is gone')
    const refreshToken = headOf(deps, client.id, mint)
    return { kind: 'account', signedIn: mint, scope: mint.scope, context: mint.context, refreshToken, redeemed }
  }
  const mint = await readForRegion(db, familyId, target)
  if (mint === undefined) throw new Refusal('invalid_target', 'the target admits nobody')
  const refreshToken = headOf(deps, client.id, mint)
  return { kind: 'region', signedIn: mint, scope: mint.scope, target: mint, refreshToken, redeemed }
}

async function settleUnconsumed(
  deps: GrantDeps,
  db: IdentityDb,
  context: GrantContext,
  presented: Presentation,
  target: WantedTarget | null,
): Promise<Proof | Refusal> {
  const replayed = await findConsumedCode(db, presented, context.retryKeyHash)
  if (replayed === undefined) return new Refusal('invalid_grant', 'code: wrong, expired, or some check failed')
  const family = await lockFamilyOfCode(db, presented.codeId)
  if (family === undefined) return new Refusal('invalid_grant', 'code: its session ended before it was redeemed')
  if (replayed.same_request && isUntouched(family)) {
    return prove(deps, db, context.client, family.id, target, replayed.nonce)
  }
  if (!family.revoked && !context.isAnswered()) {
    await revokeSession(db, family.session_id, 'code_replay')
    await recordAudit(db, deps.makeId, 'code.replayed', {
      outcome: 'refused',
      requestId: context.origin.requestId,
      ip: context.origin.ip,
      actorUserId: family.user_id,
      clientId: family.client_id,
      sessionId: family.session_id,
    })
  }
  return new Refusal('invalid_grant', 'code: replayed')
}

function isUntouched(family: LockedFamily): boolean {
  return family.counter === 0 && !family.revoked && !family.expired
}
