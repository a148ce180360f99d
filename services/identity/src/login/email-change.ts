// A change of one's own address: a code goes to the new one and a notice to the old one, and the code commits it.
// Who is registered is not told: an address that is somebody's is answered and written like any other, and gets no mail.
// Stopping and undoing it from the old address is email-change-stop.ts; infra/decisions/0011 says why it is so.
import { withTransaction } from '@meridian/database/transaction'
import type { EmailChanged, EmailChangeStarted } from '@meridian/protocol/email-change'
import { type AuditKind, type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { NOTICE_TTL_SECONDS, queueNotice } from '../mail/notice.ts'
import { sealMail } from '../mail/sealed-mail.ts'
import { Refusal } from '../refusal.ts'
import { contactMac } from '../secrets/contact-mac.ts'
import { requireRecentSignIn } from '../sessions/recent-sign-in.ts'
import type { SignedInPerson } from '../sessions/signed-in-person.ts'
import {
  type ChangeAttempt,
  type ChangeKey,
  commitEmailChange,
  findCommittedChange,
  findWaitingChange,
  startEmailChange,
  type TriedChange,
  tryChangeCode,
} from '../store/email-changes.ts'
import { endSessions } from '../store/end-sessions.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { voidSignInCodes } from '../store/otp-challenges.ts'
import { isEmailTaken, lockUser } from '../store/users.ts'
import { type ChallengeDeps, limitsOf, MAX_ATTEMPTS_PER_CODE } from './challenge.ts'
import { codeMac, generateAuthSession, generateCode, hashAuthSession, normalizeCode } from './one-time-code.ts'

export type ChangeRequest = {
  readonly email: string
  /** A resend names the change that it continues. */
  readonly changeSession: string | undefined
}

const DAY_SECONDS = 86_400

/** The page where a change is stopped or undone. The same for everybody: the code is what proves the address. */
function stopUrlOf({ issuer }: Deps['settings']): string {
  return `${issuer}/email-change/stop`
}

/** Throws Refusal: insufficient_user_authentication, invalid_request (the same address), conflict (none to change). */
export async function requestEmailChange(
  deps: ChallengeDeps,
  person: SignedInPerson,
  request: ChangeRequest,
  origin: Origin,
): Promise<EmailChangeStarted> {
  requireRecentSignIn(deps.settings, person)
  return withTransaction(deps.db, async (db) => {
    const account = await lockUser(db, person.userId)
    if (account === undefined || account.email === null) throw new Refusal('conflict', 'no address to change')
    if (account.email === request.email) {
      throw new Refusal('invalid_request', 'the same address', 'email: is the address of this account')
    }
    return (
      (await findWaiting(deps, db, person, request)) ??
      (await startChange(deps, db, person, { oldEmail: account.email, newEmail: request.email }, origin))
    )
  })
}

function keyOf(person: SignedInPerson, changeSession: string): ChangeKey {
  const { userId, sessionId } = person
  return { authSessionHash: hashAuthSession(changeSession), userId, sessionId }
}

/** A resend that comes too soon keeps the change that it names, whose code is still under way. */
async function findWaiting(
  deps: ChallengeDeps,
  db: IdentityDb,
  person: SignedInPerson,
  { email, changeSession }: ChangeRequest,
): Promise<EmailChangeStarted | undefined> {
  if (changeSession === undefined) return undefined
  const found = await findWaitingChange(db, keyOf(person, changeSession), email, deps.settings.otpResendSeconds)
  if (found === undefined || found.wait_seconds === 0) return undefined
  return { change_session: changeSession, expires_in: found.expires_in, resend_in: found.wait_seconds }
}

async function startChange(
  deps: ChallengeDeps,
  db: IdentityDb,
  person: SignedInPerson,
  { oldEmail, newEmail }: { oldEmail: string; newEmail: string },
  origin: Origin,
): Promise<EmailChangeStarted> {
  const { settings, secrets, randomBytes } = deps
  const changeSession = generateAuthSession(secrets, randomBytes)
  const code = generateCode(randomBytes)
  const mac = codeMac(secrets, changeSession, code)
  if (mac === undefined) throw new Error('a handle that was just made names no key')
  const ttlMinutes = Math.floor(settings.otpTtlSeconds / 60)
  const codeMail = { kind: 'email_change_code', to: newEmail, code, ttlMinutes } as const
  const notice = { kind: 'email_change_requested', to: oldEmail, stopUrl: stopUrlOf(settings) } as const
  const id = deps.makeId()
  await startEmailChange(
    db,
    {
      ...keyOf(person, changeSession),
      id,
      clientId: person.clientId,
      oldEmail,
      newEmail,
      challengeId: deps.makeId(),
      codeMac: mac,
      newContactMac: contactMac(secrets, newEmail),
      sealedCode: sealMail(secrets, codeMail, randomBytes),
      oldContactMac: contactMac(secrets, oldEmail),
      noticeId: deps.makeId(),
      sealedNotice: sealMail(secrets, notice, randomBytes),
      noticeTtlSeconds: NOTICE_TTL_SECONDS,
    },
    limitsOf(deps),
  )
  await recordChange(deps, db, 'email.change_requested', person, origin, { change: id })
  return {
    change_session: changeSession,
    expires_in: settings.otpTtlSeconds,
    resend_in: settings.otpResendSeconds,
  }
}

export type ChangeConfirmation = {
  readonly changeSession: string
  readonly otp: string
  readonly retryKeyHash: Uint8Array | null
}

/** Spends one attempt and changes the address. Throws Refusal: invalid_code, whatever the reason; email_taken. */
export async function confirmEmailChange(
  deps: ChallengeDeps,
  person: SignedInPerson,
  { changeSession, otp, retryKeyHash }: ChangeConfirmation,
  origin: Origin,
): Promise<EmailChanged> {
  const code = normalizeCode(otp)
  const mac = code === undefined ? undefined : codeMac(deps.secrets, changeSession, code)
  if (mac === undefined) throw new Refusal('invalid_code', 'not a code, or not a handle of ours')
  const attempt: ChangeAttempt = { ...keyOf(person, changeSession), codeMac: mac, retryKeyHash }
  try {
    // The attempt must be counted where the code is wrong: that leaves the transaction as a value.
    const email = await withTransaction(deps.db, (db) => answer(deps, db, person, attempt, origin))
    if (email !== undefined) return { email }
  } catch (error) {
    if (!isEmailTaken(error)) throw error
    await recordChange(deps, deps.db, 'email.change_refused', person, origin, { reason: 'email_taken' })
    throw new Refusal('email_taken', 'somebody took the address meanwhile')
  }
  throw new Refusal('invalid_code', 'wrong, spent, superseded, stopped or expired')
}

async function answer(
  deps: ChallengeDeps,
  db: IdentityDb,
  person: SignedInPerson,
  attempt: ChangeAttempt,
  origin: Origin,
): Promise<EmailChanged['email'] | undefined> {
  await lockUser(db, person.userId)
  const tried = await tryChangeCode(db, attempt, MAX_ATTEMPTS_PER_CODE)
  if (tried === undefined) return attempt.retryKeyHash === null ? undefined : findCommittedChange(db, attempt)
  if (!tried.correct) {
    await recordChange(deps, db, 'email.change_refused', person, origin, { change: tried.id })
    return undefined
  }
  await commit(deps, db, person, tried, origin)
  return tried.new_email
}

/** Gives the address, and ends what rested on the old one. */
async function commit(
  deps: ChallengeDeps,
  db: IdentityDb,
  person: SignedInPerson,
  change: TriedChange,
  origin: Origin,
): Promise<void> {
  const { secrets, settings } = deps
  const { old_email: oldEmail, new_email: newEmail } = change
  // Before sessions end: whoever has just answered such a code is waited for, and their session is seen below.
  await voidSignInCodes(db, contactMac(secrets, oldEmail))
  await voidSignInCodes(db, contactMac(secrets, newEmail))
  const isCommitted = await commitEmailChange(db, change.id, settings.emailChangeUndoSeconds)
  if (!isCommitted) throw new Refusal('invalid_code', 'the account is not what it was')
  const others = { only: null, except: person.sessionId }
  const ended = await endSessions(db, person.userId, others, 'email_changed')
  const undoDays = Math.floor(settings.emailChangeUndoSeconds / DAY_SECONDS)
  await queueNotice(deps, db, { kind: 'email_changed', to: oldEmail, stopUrl: stopUrlOf(settings), undoDays })
  await queueNotice(deps, db, { kind: 'email_changed_confirmation', to: newEmail })
  const details = { change: change.id, sessions_ended: ended.length }
  await recordChange(deps, db, 'email.changed', person, origin, details)
}

function recordChange(
  deps: Pick<Deps, 'makeId'>,
  db: IdentityDb,
  kind: Extract<AuditKind, `email.${string}`>,
  person: SignedInPerson,
  origin: Origin,
  details: Readonly<Record<string, string | number>>,
): Promise<void> {
  return recordAudit(db, deps.makeId, kind, {
    outcome: kind === 'email.change_refused' ? 'refused' : 'success',
    requestId: origin.requestId,
    ip: origin.ip,
    actorUserId: person.userId,
    clientId: person.clientId,
    sessionId: person.sessionId,
    details,
  })
}
