// What else our identity service answers a second: its key set, token exchanges, and whole sign-ins by mailed code.
import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { CLIENT, type IdentityService, ORG, RESOURCE, startIdentityService } from './identity-service.ts'
import type { LoadResult } from './load/main.ts'
import type { Load } from './load-process.ts'
import { type MailDrop, startMailDrop } from './mail-drop.ts'
import type { Section } from './report.ts'
import { measureSides, type Plan, summarize, timeRound } from './rounds.ts'

const EXCHANGED_TOKENS = 200
const SIGN_INS_PER_ROUND = 500
/** One step of 500 sign-ins is done long before; it ends when they are. */
const STEP_MAX_SECONDS = 60

export type EndpointOptions = {
  readonly serverUrl: string
  readonly plan: Plan
  readonly profileFolder?: string | undefined
}

export async function benchEndpoints(load: Load, options: EndpointOptions): Promise<readonly Section[]> {
  const { serverUrl, plan, profileFolder } = options
  const mail = await startMailDrop()
  const people = SIGN_INS_PER_ROUND * (plan.rounds + 1)
  plan.say(`endpoints: adding ${people} people`)
  try {
    const identity = await startIdentityService({ serverUrl, people, smtpPort: mail.port, profileFolder })
    try {
      await identity.pinDatabase()
      return [await benchReads(load, identity, plan), await benchSignIn(load, identity, mail, plan)]
    } finally {
      await identity.stop()
    }
  } finally {
    await mail.stop()
  }
}

async function benchReads(load: Load, identity: IdentityService, plan: Plan): Promise<Section> {
  const tokens = await accountTokens(identity)
  const exchanges = tokens.map(
    (token) => ({ method: 'POST', path: '/oauth/token', form: exchangeForm(token) }) as const,
  )
  await load.prepare('exchange', { kind: 'repeat', requests: exchanges })
  await load.prepare('jwks', { kind: 'repeat', requests: [{ method: 'GET', path: '/oauth/jwks' }] })
  const sides = [
    { name: 'key set', scenario: 'jwks', server: identity },
    { name: 'token exchange', scenario: 'exchange', server: identity },
  ]
  const figures = await measureSides(load, sides, plan)
  return { title: 'key set and token exchange: requests a second', figures, notes: [] }
}

const tokenSchema = z.object({ access_token: z.string() })

async function accountTokens(identity: IdentityService): Promise<readonly string[]> {
  const refreshTokens = await identity.makeRefreshTokens(identity.people.slice(0, EXCHANGED_TOKENS))
  const tokens: string[] = []
  for (const refreshToken of refreshTokens) {
    const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: CLIENT, refresh_token: refreshToken })
    const response = await fetch(`${identity.issuer}/oauth/token`, { method: 'POST', body })
    tokens.push(tokenSchema.parse(await response.json()).access_token)
  }
  return tokens
}

function exchangeForm(token: string): string {
  return new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: CLIENT,
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    resource: RESOURCE,
    org_id: ORG,
  }).toString()
}

type Timed = Awaited<ReturnType<typeof timeRound>>
const STEPS = ['challenge', 'answer', 'redeem'] as const

/**
 * Each step by itself for 500 people; between the first and the second, all of the mail is waited for. A sign-in
 * costs the three steps together, so its rate is what is left when their times are added.
 */
async function benchSignIn(load: Load, identity: IdentityService, mail: MailDrop, plan: Plan): Promise<Section> {
  const rounds: Timed[][] = STEPS.map(() => [])
  const whole: Timed[] = []
  for (let number = 0; number <= plan.rounds; number += 1) {
    const start = number * SIGN_INS_PER_ROUND
    const steps = await signInAll(load, identity, mail, identity.people.slice(start, start + SIGN_INS_PER_ROUND))
    const sum = together(steps)
    plan.say(`  ${number === 0 ? 'warm-up' : `round ${number}`}  sign-in: ${Math.round(sum.rate)}/s`)
    if (number === 0) continue
    for (const [index, step] of steps.entries()) rounds[index]?.push(step)
    whole.push(sum)
  }
  const figures = [
    ...STEPS.map((name, index) => summarize(name, rounds[index] ?? [])),
    { ...summarize('whole sign-in', whole), p50Ms: null, p95Ms: null, p99Ms: null },
  ]
  const notes = [
    `${SIGN_INS_PER_ROUND} people a round; the wait for mail, sent while the first step runs, is not counted`,
  ]
  return { title: 'sign-in by mailed code: requests a second', figures, notes }
}

async function signInAll(
  load: Load,
  identity: IdentityService,
  mail: MailDrop,
  people: readonly string[],
): Promise<readonly Timed[]> {
  const verifiers = people.map(() => randomBytes(32).toString('base64url'))
  const step = async (path: string, status: number, collects: string, forms: readonly Record<string, string>[]) => {
    const requests = forms.map((form) => {
      const parameters = new URLSearchParams({ client_id: CLIENT, ...form })
      return { method: 'POST', path, form: parameters.toString() } as const
    })
    await load.prepare('sign-in', { kind: 'once', requests, status, collects })
    const timed = await timeRound(identity.pid, () => load.run('sign-in', identity.port, STEP_MAX_SECONDS))
    if (timed.requests !== people.length) throw new Error(`${path}: ${timed.requests} of ${people.length} in time`)
    return timed
  }
  const challenged = await step(
    '/oauth/challenge',
    400,
    'auth_session',
    people.map((email, index) => ({
      method: 'email',
      contact: email,
      code_challenge: createHash('sha256')
        .update(verifiers[index] ?? '')
        .digest('base64url'),
      code_challenge_method: 'S256',
    })),
  )
  const codes = await mail.codesFor(people)
  const sessions = challenged.result.collected
  const answered = await step(
    '/oauth/challenge',
    200,
    'authorization_code',
    codes.map((otp, index) => ({
      auth_session: sessions[index] ?? '',
      otp,
    })),
  )
  const redeemed = await step(
    '/oauth/token',
    200,
    'refresh_token',
    answered.result.collected.map((code, index) => ({
      grant_type: 'authorization_code',
      code,
      code_verifier: verifiers[index] ?? '',
    })),
  )
  return [challenged, answered, redeemed]
}

function together(steps: readonly Timed[]): Timed {
  const [first] = steps as [Timed, ...Timed[]]
  const seconds = steps.reduce((sum, step) => sum + step.result.elapsedSeconds, 0)
  const processorMs = steps.reduce((sum, step) => sum + step.processorMs, 0)
  const shares = steps.flatMap((step) => step.takenByOthers ?? [])
  const takenByOthers = shares.length === 0 ? undefined : Math.max(...shares)
  const result: LoadResult = { ...first.result, elapsedSeconds: seconds, latencies: {} }
  return { rate: first.requests / seconds, requests: first.requests, processorMs, takenByOthers, latencies: {}, result }
}
