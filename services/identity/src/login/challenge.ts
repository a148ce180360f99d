// Sign-in by e-mailed code (draft-ietf-oauth-first-party-apps §5): start a challenge, send another code, answer it.
// Budgets belong to the contact and live in the statements of store/otp-challenges.ts; every address, known or
// not, gets the same answer, the same rows and the same work. The code that comes out is redeemed in grants/.
import { withTransaction } from '@meridian/database/transaction'
import { emailAddressSchema } from '@meridian/protocol/email-address'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { grantedScope } from '../directory/client-rules.ts'
import { sealMail } from '../mail/sealed-mail.ts'
import { Refusal } from '../refusal.ts'
import { contactMac } from '../secrets/contact-mac.ts'
import { OTP_AMR } from '../sessions/sign-on.ts'
import { insertCode } from '../store/authorization-codes.ts'
import type { Client } from '../store/clients.ts'
import type { ContactLimits } from '../store/contact-budget.ts'
import { ALL_SESSIONS, endSessions } from '../store/end-sessions.ts'
import type { IdentityDb } from '../store/open-store.ts'
import {
  type Attempt,
  findAnsweredChallenge,
  findChallengeForResend,
  startChallenge as insertChallenge,
  type NewChallenge,
  type TriedChallenge,
  tryCode,
} from '../store/otp-challenges.ts'
import { insertSession } from '../store/sessions.ts'
import { proveMailbox, rememberDevice } from '../store/sign-in-flows.ts'
import { findUserById, type User } from '../store/users.ts'
import { formatAuthorizationCode } from './authorization-code.ts'
import { admitInvitedPerson } from './invited-person.ts'
import {
  codeMac,
  generateAuthSession,
  generateCode,
  hashAuthSession,
  hashDevice,
  normalizeCode,
} from './one-time-code.ts'

export type ChallengeDeps = Pick<Deps, 'db' | 'settings' | 'secrets' | 'makeId' | 'randomBytes'>

export type StartRequest = {
  readonly method: string
  readonly contact: string
  readonly codeChallenge: string
  readonly scope: string | undefined
  readonly resource: string | undefined
  readonly org: string | undefined
  /** A resend names the challenge that it continues. */
  readonly authSession: string | undefined
  readonly device: string | undefined
  readonly origin: Origin
}

export type CodeRequest = {
  readonly email: string
  readonly codeChallenge: string
  readonly scope: string
  readonly resource: string | undefined
  readonly org: string | undefined
  /** The challenge that this one continues. */
  readonly authSession: string | undefined
  /** A device that may have a budget of its own for this contact. */
  readonly device: string | undefined
  readonly origin: Origin
  /** The browser at the hosted pages, and what they go on with. */
  readonly page?: { readonly browser: string; readonly interaction: Uint8Array }
}

export type StartedChallenge = {
  readonly authSession: string
  readonly expiresInSeconds: number
  readonly resendInSeconds: number
}

/** Wrong answers that one code survives. */
export const MAX_ATTEMPTS_PER_CODE = 5
/** NIST SP 800-63B §3.2.2: no more than 100 wrong answers in a row. */
const FAILURES_BEFORE_SLOW = 100

/** Starts a challenge or continues one. Throws Refusal for input that says nothing about any address. */
export async function startChallenge(
  deps: ChallengeDeps,
  client: Client,
  request: StartRequest,
): Promise<StartedChallenge> {
  if (request.method === 'sms') throw new Refusal('method_not_supported', 'no SMS sender is configured')
  if (request.method !== 'email') throw new Refusal('invalid_request', 'unknown method', 'method: must be email')
  const email = parseEmail(request.contact)
  const scope = grantedScope(client, request.scope)
  validateTarget(client, request)
  return requestCode(deps, client, { ...request, email, scope })
}

/** Throws Refusal (invalid_request) for what is no address. */
export function parseEmail(contact: string): string {
  const email = emailAddressSchema.safeParse(contact)
  if (!email.success) throw new Refusal('invalid_request', 'bad address', 'contact: is not an e-mail address')
  return email.data
}

/** Writes the challenge and its mail; that leaves if the address is somebody's or invited, and its budget allows. */
export async function requestCode(
  deps: ChallengeDeps,
  client: { readonly id: string },
  request: CodeRequest,
): Promise<StartedChallenge> {
  const { email } = request
  if (request.authSession !== undefined) {
    const waiting = await findWaiting(deps, client, request.authSession, email, request.page?.browser)
    if (waiting !== undefined) return waiting
  }
  const authSession = generateAuthSession(deps.secrets, deps.randomBytes)
  const code = generateCode(deps.randomBytes)
  const { otpTtlSeconds } = deps.settings
  const mail = { kind: 'sign_in_code', to: email, code, ttlMinutes: Math.floor(otpTtlSeconds / 60) } as const
  const mac = codeMac(deps.secrets, authSession, code)
  if (mac === undefined) throw new Error('a handle that was just made names no key')
  const challenge: NewChallenge = {
    id: deps.makeId(),
    authSessionHash: hashAuthSession(authSession, request.page?.browser),
    contactMac: contactMac(deps.secrets, email),
    email,
    clientId: client.id,
    codeMac: mac,
    codeChallenge: request.codeChallenge,
    scope: request.scope,
    resource: request.resource ?? null,
    org: request.org ?? null,
    sealedMail: sealMail(deps.secrets, mail, deps.randomBytes),
    deviceHash: request.device === undefined ? null : hashDevice(request.device),
    interaction: request.page?.interaction ?? null,
  }
  await withTransaction(deps.db, async (db) => {
    const { sent, user_id: actorUserId } = await insertChallenge(db, challenge, limitsOf(deps))
    // An address that is asked for again and again is an event as often as a code can be mailed to it.
    if (!sent) return
    const { requestId, ip } = request.origin
    const event = { outcome: 'success', requestId, ip, actorUserId, clientId: client.id } as const
    await recordAudit(db, deps.makeId, 'sign_in.code_requested', event)
  })
  return { authSession, expiresInSeconds: otpTtlSeconds, resendInSeconds: deps.settings.otpResendSeconds }
}

function validateTarget(client: Client, request: StartRequest): void {
  const { resource, org } = request
  if (resource !== undefined && !client.allowedResources.some((allowed) => allowed === '*' || allowed === resource)) {
    throw new Refusal('invalid_target', 'the client may not ask for this resource')
  }
  if ((resource === undefined) !== (org === undefined)) {
    throw new Refusal('invalid_target', 'resource and org_id go together')
  }
  if (!client.accountToken && resource === undefined) {
    throw new Refusal('invalid_target', 'this client must name its resource')
  }
}

/** What the budgets of contacts allow, whatever a code is mailed for. */
export function limitsOf(deps: Pick<Deps, 'settings'>): ContactLimits {
  const { otpResendSeconds, otpSendsPerHour, otpSendsPerDay, otpTtlSeconds } = deps.settings
  return {
    resendSeconds: otpResendSeconds,
    sendsPerHour: otpSendsPerHour,
    sendsPerDay: otpSendsPerDay,
    failuresBeforeSlow: FAILURES_BEFORE_SLOW,
    ttlSeconds: otpTtlSeconds,
  }
}

/** A resend that comes too soon keeps the challenge that it names, whose code is still under way. */
async function findWaiting(
  deps: ChallengeDeps,
  client: { readonly id: string },
  authSession: string,
  email: string,
  browser: string | undefined,
): Promise<StartedChallenge | undefined> {
  const key = { authSessionHash: hashAuthSession(authSession, browser), clientId: client.id }
  const found = await findChallengeForResend(deps.db, key, deps.settings.otpResendSeconds)
  if (found === undefined || found.wait_seconds === 0) return undefined
  if (Buffer.compare(found.contact_mac, contactMac(deps.secrets, email)) !== 0) return undefined
  return { authSession, expiresInSeconds: found.expires_in, resendInSeconds: found.wait_seconds }
}

export type AnswerRequest = {
  readonly authSession: string
  readonly otp: string
  readonly retryKeyHash: Uint8Array | null
  readonly origin: Origin
  /** Known from now on where the answer is right. */
  readonly device: string | undefined
}

/** Spends one attempt. Resolves to an authorization code, or throws Refusal (invalid_code) whatever the reason. */
export async function answerChallenge(deps: ChallengeDeps, client: Client, request: AnswerRequest): Promise<string> {
  const code = normalizeCode(request.otp)
  const mac = code === undefined ? undefined : codeMac(deps.secrets, request.authSession, code)
  if (mac === undefined) throw new Refusal('invalid_code', 'not a code, or not a handle of ours')
  const attempt: Attempt = {
    purpose: 'sign_in',
    authSessionHash: hashAuthSession(request.authSession),
    clientId: client.id,
    codeMac: mac,
    codeId: deps.makeId(),
    retryKeyHash: request.retryKeyHash,
    maxAttempts: MAX_ATTEMPTS_PER_CODE,
  }
  // The attempt must be counted whatever comes of it: refusals leave the transaction as values.
  const codeId = await withTransaction(deps.db, async (db) => {
    const tried = await tryCode(db, attempt)
    if (tried === undefined) return attempt.retryKeyHash === null ? undefined : findAnsweredChallenge(db, attempt)
    if (await signIn(deps, db, client, request, attempt.codeId, tried)) return attempt.codeId
    await recordSignIn(deps, db, client, request.origin, { userId: tried.user_id, sessionId: null, isRefused: true })
    return undefined
  })
  if (codeId === undefined) throw new Refusal('invalid_code', 'wrong, spent, superseded or expired')
  return formatAuthorizationCode(deps.secrets, { issuer: deps.settings.issuer, clientId: client.id }, codeId)
}

/** Whose right answer this is; undefined where it is wrong, or the address is not that person's any more. */
export async function findAnsweringUser(
  deps: Pick<ChallengeDeps, 'secrets' | 'makeId'>,
  db: IdentityDb,
  tried: TriedChallenge,
  origin: Origin,
): Promise<User | undefined> {
  if (!tried.correct) return undefined
  const user = await findChallengedUser(deps, db, tried, origin)
  if (user === undefined || user.status !== 'active' || user.email === null) return undefined
  return Buffer.compare(contactMac(deps.secrets, user.email), tried.contact_mac) === 0 ? user : undefined
}

async function findChallengedUser(
  deps: Pick<ChallengeDeps, 'makeId'>,
  db: IdentityDb,
  { user_id: userId, invitation_id: invitation }: TriedChallenge,
  origin: Origin,
): Promise<User | undefined> {
  if (userId !== null) return (await findUserById(db, userId)) ?? undefined
  return invitation === null ? undefined : admitInvitedPerson(deps, db, invitation, origin)
}

/** A code came back from the mailbox: the first time, whoever was signed in before never proved that it is theirs. */
export async function noteProof(
  db: IdentityDb,
  userId: string,
  contact: Uint8Array,
  device: string | undefined,
): Promise<void> {
  if (await proveMailbox(db, userId)) await endSessions(db, userId, ALL_SESSIONS, 'first_proof')
  if (device !== undefined) await rememberDevice(db, hashDevice(device), contact)
}

/** Makes the session and its code, if the answer was right and the address is still that person's. */
async function signIn(
  deps: ChallengeDeps,
  db: IdentityDb,
  client: Client,
  request: AnswerRequest,
  codeId: string,
  tried: TriedChallenge,
): Promise<boolean> {
  const user = await findAnsweringUser(deps, db, tried, request.origin)
  if (user === undefined) return false
  await noteProof(db, user.id, tried.contact_mac, request.device)
  const sessionId = deps.makeId()
  const { ip, userAgent } = request.origin
  await insertSession(db, { id: sessionId, userId: user.id, clientId: client.id, amr: OTP_AMR, ip, userAgent })
  await insertCode(db, {
    id: codeId,
    clientId: client.id,
    sessionId,
    codeChallenge: tried.code_challenge,
    redirectUri: null,
    nonce: null,
    scope: tried.scope,
    resource: tried.resource,
    org: tried.org,
    ttlSeconds: deps.settings.authorizationCodeTtlSeconds,
  })
  await recordSignIn(deps, db, client, request.origin, { userId: user.id, sessionId, isRefused: false })
  return true
}

export function recordSignIn(
  deps: Pick<ChallengeDeps, 'makeId'>,
  db: IdentityDb,
  client: { readonly id: string },
  origin: Origin,
  signedIn: { readonly userId: string | null; readonly sessionId: string | null; readonly isRefused: boolean },
): Promise<void> {
  const { userId, sessionId, isRefused } = signedIn
  return recordAudit(db, deps.makeId, isRefused ? 'sign_in.refused' : 'sign_in.succeeded', {
    outcome: isRefused ? 'refused' : 'success',
    requestId: origin.requestId,
    ip: origin.ip,
    actorUserId: userId,
    clientId: client.id,
    sessionId,
  })
}
