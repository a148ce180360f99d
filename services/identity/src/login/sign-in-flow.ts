// A sign-in at the hosted pages: address, code, sign-on. The challenge behind it is the one of login/challenge.ts,
// bound to the browser that began it; what the pages go on with travels sealed in its row, and its handle in the URL.
import { withTransaction } from '@meridian/database/transaction'
import { z } from 'zod'
import type { Origin } from '../audit/record.ts'
import { Refusal } from '../refusal.ts'
import { seal, unseal } from '../secrets/sealing.ts'
import { signOn } from '../sessions/sign-on.ts'
import { formatSignOnSecret } from '../sessions/sign-on-secret.ts'
import { type Attempt, tryCode } from '../store/otp-challenges.ts'
import { findAnsweredFlow, findPageFlow } from '../store/sign-in-flows.ts'
import {
  type ChallengeDeps,
  findAnsweringUser,
  MAX_ATTEMPTS_PER_CODE,
  noteProof,
  parseEmail,
  recordSignIn,
  requestCode,
  type StartedChallenge,
} from './challenge.ts'
import { codeMac, hashAuthSession, normalizeCode } from './one-time-code.ts'

const PURPOSE = 'sign_in_flow'
/** A second press of the same button may come this long after the first. */
const REPEAT_SECONDS = 60

const interactionSchema = z.strictObject({
  email: z.string(),
  /** The authorization request's parameters, as a query. */
  request: z.string(),
})

export type SignInFlow = {
  readonly handle: string
  readonly clientId: string
  readonly email: string
  readonly request: string
  readonly isConsumed: boolean
  readonly isExpired: boolean
  readonly expiresInSeconds: number
  readonly resendInSeconds: number
}

/** Mails a code to the address if it is somebody's. Throws Refusal (invalid_request) for what is no address. */
export function startSignIn(
  deps: ChallengeDeps,
  client: { readonly id: string },
  start: { email: string; request: string; browser: string; previous?: string | undefined; origin: Origin },
): Promise<StartedChallenge> {
  const email = parseEmail(start.email)
  const interaction = Buffer.from(JSON.stringify({ email, request: start.request }))
  return requestCode(deps, client, {
    email,
    // What the client shall get stands in the sealed request; the challenge by itself only signs the person on.
    codeChallenge: '',
    scope: '',
    resource: undefined,
    org: undefined,
    authSession: start.previous,
    device: start.browser,
    origin: start.origin,
    page: {
      browser: start.browser,
      interaction: seal(deps.secrets.sealKeys, PURPOSE, interaction, deps.randomBytes),
    },
  })
}

/** The sign-in that this browser has under way; throws Refusal (wrong_browser) where it has none of that handle. */
export async function readSignInFlow(deps: ChallengeDeps, handle: string, browser: string): Promise<SignInFlow> {
  const found = await findPageFlow(deps.db, 'sign_in', hashAuthSession(handle, browser), deps.settings.otpResendSeconds)
  if (found === undefined) throw new Refusal('wrong_browser', 'no flow of this browser has that handle')
  const opened = unseal(deps.secrets.sealKeys, PURPOSE, found.interaction)
  const { email, request } = interactionSchema.parse(JSON.parse(Buffer.from(opened).toString()))
  return {
    handle,
    clientId: found.client_id,
    email,
    request,
    isConsumed: found.consumed,
    isExpired: found.expired,
    expiresInSeconds: found.expires_in,
    resendInSeconds: found.resend_in,
  }
}

export type PageAnswer = {
  readonly otp: string
  readonly browser: string
  /** The secret of the sign-on that this browser had before. */
  readonly previousSecret: string | undefined
  readonly origin: Origin
}

/**
 * Spends one attempt and signs the person on. Resolves to the sign-on cookie's value; the same again for a second
 * press of the button. Throws Refusal (invalid_code), whatever the reason.
 */
export async function answerSignIn(deps: ChallengeDeps, flow: SignInFlow, answer: PageAnswer): Promise<string> {
  const code = normalizeCode(answer.otp)
  const mac = code === undefined ? undefined : codeMac(deps.secrets, flow.handle, code)
  if (mac === undefined) throw new Refusal('invalid_code', 'not a code')
  const attempt: Attempt = {
    purpose: 'sign_in',
    authSessionHash: hashAuthSession(flow.handle, answer.browser),
    clientId: flow.clientId,
    codeMac: mac,
    codeId: deps.makeId(),
    retryKeyHash: null,
    maxAttempts: MAX_ATTEMPTS_PER_CODE,
  }
  // The attempt must be counted whatever comes of it: refusals leave the transaction as values.
  const secret = await withTransaction(deps.db, async (db) => {
    const tried = await tryCode(db, attempt)
    if (tried === undefined) {
      const answered = await findAnsweredFlow(db, 'sign_in', attempt, REPEAT_SECONDS)
      return answered && formatSignOnSecret(deps.secrets, deps.settings.issuer, answered)
    }
    const user = await findAnsweringUser(deps, db, tried, answer.origin)
    const signedIn = { userId: user?.id ?? tried.user_id, sessionId: null, isRefused: user === undefined }
    await recordSignIn(deps, db, { id: flow.clientId }, answer.origin, signedIn)
    if (user === undefined) return undefined
    await noteProof(db, user.id, tried.contact_mac, answer.browser)
    return signOn(deps, db, user, tried.id, answer)
  })
  if (secret === undefined) throw new Refusal('invalid_code', 'wrong, spent, superseded or expired')
  return secret
}
