// The sign-on session: one sign-in in one browser, at the identity host, that all clients there share. A client's own
// session (`sid`) hangs on it, so that signing out ends them together. OpenID Connect Core §3.1.2.3.
import { withTransaction } from '@meridian/database/transaction'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { ALL_SESSIONS, endSessions } from '../store/end-sessions.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { revokeSession } from '../store/refresh-token-families.ts'
import {
  endSignOn,
  insertSignOn,
  listSessionsOfSignOn,
  renewSignOn,
  type SignOn as StoredSignOn,
  useSignOn,
} from '../store/sign-on-sessions.ts'
import { formatSignOnSecret, hashSignOnSecret } from './sign-on-secret.ts'

/** A live sign-on and whose it is. */
export type SignOn = StoredSignOn

type SignOnDeps = Pick<Deps, 'db' | 'settings' | 'secrets' | 'makeId'>

/** RFC 8176: a one-time password. */
export const OTP_AMR = ['otp'] as const

/** The sign-on behind a cookie's value, which counts as used by this; undefined where there is none. */
export async function findSignOn(
  deps: Pick<Deps, 'db' | 'settings' | 'secrets'>,
  secret: string | undefined,
): Promise<SignOn | undefined> {
  const hash = hashOf(deps, secret)
  return hash === undefined ? undefined : useSignOn(deps.db, hash)
}

function hashOf(deps: Pick<Deps, 'settings' | 'secrets'>, secret: string | undefined): Uint8Array | undefined {
  return secret === undefined ? undefined : hashSignOnSecret(deps.secrets, deps.settings.issuer, secret)
}

export type Browser = { readonly previousSecret: string | undefined; readonly origin: Origin }

/**
 * Signs the person on in this browser, within the caller's transaction. A sign-on of the same person goes on under
 * a new secret; another person's ends here, and its clients' sessions live on. Resolves to the cookie's new value.
 */
export async function signOn(
  deps: SignOnDeps,
  db: IdentityDb,
  person: { readonly id: string; readonly platformRole: string | null },
  challengeId: string,
  browser: Browser,
): Promise<string> {
  const secret = formatSignOnSecret(deps.secrets, deps.settings.issuer, challengeId)
  const secretHash = hashOf(deps, secret)
  if (secretHash === undefined) throw new Error('a secret that was just made is not ours')
  const { ip, userAgent } = browser.origin
  const made = { userId: person.id, secretHash, amr: OTP_AMR, ip, userAgent, ...lifetimesOf(deps, person) }
  const previous = hashOf(deps, browser.previousSecret)
  if (previous !== undefined) {
    if ((await renewSignOn(db, previous, made)) !== undefined) return secret
    await endSignOn(db, previous, 'replaced')
  }
  await insertSignOn(db, { id: deps.makeId(), ...made })
  return secret
}

function lifetimesOf({ settings }: Pick<Deps, 'settings'>, person: { readonly platformRole: string | null }) {
  return person.platformRole === 'sys_admin'
    ? { idleSeconds: settings.sysAdminIdleSeconds, absoluteSeconds: settings.sysAdminAbsoluteSeconds }
    : { idleSeconds: settings.signOnIdleSeconds, absoluteSeconds: settings.signOnAbsoluteSeconds }
}

/** How long a browser needs to keep the cookie. */
export function signOnCookieSeconds({ settings }: Pick<Deps, 'settings'>): number {
  return Math.max(settings.signOnAbsoluteSeconds, settings.sysAdminAbsoluteSeconds)
}

/**
 * Ends a sign-on with every session of it, or everything of its person; all of it or nothing, so that it can be asked
 * for again. Resolves to the clients of this browser whose sessions ended.
 */
export async function signOut(
  deps: SignOnDeps,
  secret: string | undefined,
  what: 'this' | 'all',
  origin: Origin,
): Promise<readonly string[]> {
  const hash = hashOf(deps, secret)
  if (hash === undefined) return []
  return withTransaction(deps.db, async (db) => {
    const ended = await endSignOn(db, hash, 'signed_out')
    if (ended === undefined) return []
    const record = (event: { clientId?: string; sessionId?: string }) =>
      recordAudit(db, deps.makeId, event.sessionId === undefined ? 'session.all_revoked' : 'session.revoked', {
        outcome: 'success',
        requestId: origin.requestId,
        ip: origin.ip,
        actorUserId: ended.user_id,
        ...event,
      })
    // Read after the sign-on's row is locked: whoever joined before is seen, and nobody joins any more.
    const sessions = await listSessionsOfSignOn(db, ended.id)
    for (const { id: sessionId, client_id: clientId } of sessions) {
      if (await revokeSession(db, sessionId, 'signed_out')) await record({ clientId, sessionId })
    }
    if (what === 'all') {
      await endSessions(db, ended.user_id, ALL_SESSIONS, 'signed_out')
      await record({})
    }
    return sessions.map((session) => session.client_id)
  })
}
