// Stopping a change of address, or undoing it, from the old address: no sign-in is asked for, since the account may be
// in other hands. The code is bound to the browser that asked, and every address is answered alike.
import { withTransaction } from '@meridian/database/transaction'
import { z } from 'zod'
import { type Origin, recordAudit } from '../audit/record.ts'
import { queueNotice } from '../mail/notice.ts'
import { sealMail } from '../mail/sealed-mail.ts'
import { Refusal } from '../refusal.ts'
import { contactMac } from '../secrets/contact-mac.ts'
import { seal, unseal } from '../secrets/sealing.ts'
import {
  type ClosedChange,
  closeChanges,
  findLastStopped,
  restoreEmail,
  startStop,
} from '../store/email-change-stops.ts'
import { ALL_SESSIONS, endSessions } from '../store/end-sessions.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { type Attempt, type TriedChallenge, tryCode, voidSignInCodes } from '../store/otp-challenges.ts'
import { findAnsweredFlow, findPageFlow } from '../store/sign-in-flows.ts'
import { isEmailTaken, lockUser } from '../store/users.ts'
import { type ChallengeDeps, limitsOf, MAX_ATTEMPTS_PER_CODE, parseEmail } from './challenge.ts'
import {
  codeMac,
  generateAuthSession,
  generateCode,
  hashAuthSession,
  hashDevice,
  normalizeCode,
} from './one-time-code.ts'

const PURPOSE = 'email_change_stop'
/** A second press of the same button may come this long after the first. */
const REPEAT_SECONDS = 60

const interactionSchema = z.strictObject({ email: z.string() })

export type StopFlow = {
  readonly handle: string
  /** The old address, as it was typed. */
  readonly email: string
  readonly isConsumed: boolean
  readonly isExpired: boolean
  readonly resendInSeconds: number
}

/**
 * Mails a code to the old address if there is a change to stop. Resolves to the flow's handle; an earlier flow of this
 * browser for the same address goes on until another code is due. Throws Refusal (invalid_request) for no address.
 */
export async function startEmailChangeStop(
  deps: ChallengeDeps,
  start: { readonly email: string; readonly browser: string; readonly previous: string | undefined },
): Promise<string> {
  const { secrets, settings, randomBytes } = deps
  const { browser, previous } = start
  const email = parseEmail(start.email)
  const earlier = previous === undefined ? undefined : await findStopFlow(deps, previous, browser)
  if (earlier !== undefined && earlier.email === email && earlier.resendInSeconds > 0 && !earlier.isConsumed) {
    return earlier.handle
  }
  const handle = generateAuthSession(secrets, randomBytes)
  const code = generateCode(randomBytes)
  const mac = codeMac(secrets, handle, code)
  if (mac === undefined) throw new Error('a handle that was just made names no key')
  const ttlMinutes = Math.floor(settings.otpTtlSeconds / 60)
  const mail = { kind: 'email_change_stop_code', to: email, code, ttlMinutes } as const
  await startStop(
    deps.db,
    {
      challengeId: deps.makeId(),
      authSessionHash: hashAuthSession(handle, browser),
      contactMac: contactMac(secrets, email),
      email,
      codeMac: mac,
      sealedMail: sealMail(secrets, mail, randomBytes),
      deviceHash: hashDevice(browser),
      interaction: seal(secrets.sealKeys, PURPOSE, Buffer.from(JSON.stringify({ email })), randomBytes),
    },
    limitsOf(deps),
  )
  return handle
}

async function findStopFlow(deps: ChallengeDeps, handle: string, browser: string): Promise<StopFlow | undefined> {
  const hash = hashAuthSession(handle, browser)
  const found = await findPageFlow(deps.db, PURPOSE, hash, deps.settings.otpResendSeconds)
  if (found === undefined) return undefined
  const opened = unseal(deps.secrets.sealKeys, PURPOSE, found.interaction)
  return {
    handle,
    email: interactionSchema.parse(JSON.parse(Buffer.from(opened).toString())).email,
    isConsumed: found.consumed,
    isExpired: found.expired,
    resendInSeconds: found.resend_in,
  }
}

/** What this browser has under way; throws Refusal (wrong_browser) where it has nothing of that handle. */
export async function readStopFlow(deps: ChallengeDeps, handle: string, browser: string): Promise<StopFlow> {
  const flow = await findStopFlow(deps, handle, browser)
  if (flow === undefined) throw new Refusal('wrong_browser', 'no flow of this browser has that handle')
  return flow
}

export type StopOutcome = 'stopped' | 'undone' | 'nothing'

export type StopAnswer = { readonly otp: string; readonly browser: string; readonly origin: Origin }

/** Spends one attempt; a right code stops or undoes the change, once. Throws Refusal (invalid_code), whatever the reason. */
export async function answerEmailChangeStop(
  deps: ChallengeDeps,
  flow: StopFlow,
  answer: StopAnswer,
): Promise<StopOutcome> {
  const code = normalizeCode(answer.otp)
  const mac = code === undefined ? undefined : codeMac(deps.secrets, flow.handle, code)
  if (mac === undefined) throw new Refusal('invalid_code', 'not a code')
  const attempt: Attempt = {
    purpose: PURPOSE,
    authSessionHash: hashAuthSession(flow.handle, answer.browser),
    clientId: '',
    codeMac: mac,
    codeId: deps.makeId(),
    retryKeyHash: null,
    maxAttempts: MAX_ATTEMPTS_PER_CODE,
  }
  try {
    // The attempt must be counted whatever comes of it: a wrong code leaves the transaction as a value.
    const outcome = await withTransaction(deps.db, async (db) => {
      const tried = await tryCode(db, attempt)
      if (tried !== undefined) return stop(deps, db, flow.email, tried, answer.origin)
      const isRepeat = (await findAnsweredFlow(db, PURPOSE, attempt, REPEAT_SECONDS)) !== undefined
      return isRepeat ? outcomeOf(await findLastStopped(db, flow.email)) : undefined
    })
    if (outcome !== undefined) return outcome
  } catch (error) {
    // Its time was over in that very moment, and the address is somebody's.
    if (isEmailTaken(error)) return 'nothing'
    throw error
  }
  throw new Refusal('invalid_code', 'wrong, spent, superseded or expired')
}

function outcomeOf(closed: ClosedChange | undefined): StopOutcome {
  if (closed === undefined) return 'nothing'
  return closed.committed ? 'undone' : 'stopped'
}

async function stop(
  deps: ChallengeDeps,
  db: IdentityDb,
  oldEmail: string,
  tried: TriedChallenge,
  origin: Origin,
): Promise<StopOutcome | undefined> {
  const { requestId, ip } = origin
  const userId = tried.user_id
  if (!tried.correct || userId === null) {
    await recordAudit(db, deps.makeId, 'email.stop_refused', { outcome: 'refused', requestId, ip, actorUserId: userId })
    return undefined
  }
  const account = await lockUser(db, userId)
  if (account === undefined || account.status === 'deleted') return 'nothing'
  const closed = await closeChanges(db, userId, oldEmail)
  if (closed === undefined) return 'nothing'
  if (closed.committed) await undo(deps, db, userId, { oldEmail, currentEmail: account.email ?? oldEmail })
  const kind = closed.committed ? 'email.change_undone' : 'email.change_stopped'
  const details = { change: closed.id }
  await recordAudit(db, deps.makeId, kind, { outcome: 'success', requestId, ip, actorUserId: userId, details })
  return outcomeOf(closed)
}

/** Gives the old address back, and ends everything that the account was signed in with. */
async function undo(
  deps: ChallengeDeps,
  db: IdentityDb,
  userId: string,
  { oldEmail, currentEmail }: { oldEmail: string; currentEmail: string },
): Promise<void> {
  const addresses = new Set([oldEmail, currentEmail])
  for (const address of addresses) await voidSignInCodes(db, contactMac(deps.secrets, address))
  await restoreEmail(db, userId, oldEmail)
  await endSessions(db, userId, ALL_SESSIONS, 'email_changed')
  for (const to of addresses) await queueNotice(deps, db, { kind: 'email_change_undone', to })
}
