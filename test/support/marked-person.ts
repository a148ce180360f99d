// A person who has left a trace in every place that keeps something of people, each of them recognizable.

import { randomBytes } from 'node:crypto'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import { contactMac } from '../../services/identity/src/secrets/contact-mac.ts'
import { shiftClock } from './databases.ts'
import { changeAddress, requestChange } from './email-change.ts'
import { authorizationUrl, type HostedBrowser, openBrowser, signInAtPages } from './hosted-browser.ts'
import { claimsOf, exchange, type IdentityUnderTest, IN, type Reply, signIn, startChallenge } from './identity.ts'
import { addMember, call, membershipOf } from './members.ts'
import { ask } from './races.ts'
import { hearOfRegions } from './region-reports.ts'

export const FIRST_ADDRESS = 'marker.before@example.test'
export const ADDRESS = 'marker@example.test'
const WANTED_ADDRESS = 'marker.after@example.test'
const IP = '203.0.113.77'
const USER_AGENT = 'MarkedBrowser/7.7'
const NAME = 'Marked Name'
const DISPLAY_NAME = 'Marked Display Name'
const ANSWER = 'Marked Answer'

/** By what each trace is known, in the order in which they are asked for. */
export const MARKERS = [FIRST_ADDRESS, ADDRESS, WANTED_ADDRESS, IP, USER_AGENT, NAME, DISPLAY_NAME, ANSWER]
/** Of a request, so that it leaves its trace. */
export const TRACE = { 'x-forwarded-for': IP, 'user-agent': USER_AGENT }
const DAY_SECONDS = 86_400

export type MarkedPerson = {
  readonly id: string
  /** Signed in a moment ago. */
  readonly signedIn: Reply
  readonly token: string
  readonly browser: HostedBrowser
  /** What names the person's contacts where no address stands, in hexadecimal. */
  readonly macs: readonly string[]
}

const makeId = createUuidV7({ now: Date.now, randomBytes })

/** As a manager would: pending for the address, settled for the one before. */
async function invite(identity: IdentityUnderTest, email: string, status: 'pending' | 'revoked'): Promise<void> {
  const text = `INSERT INTO invitation (id, org_id, email, invited_by, status, expires_at, settled_at)
    SELECT $1::uuid, o.id, $2, u.id, $3, meridian_now() + interval '7 days',
      CASE $3 WHEN 'pending' THEN NULL ELSE meridian_now() END
    FROM organization o, user_account u WHERE o.slug = 'globex' AND u.email = 'max@globex.test'`
  await ask(identity, text, [makeId(), email, status])
}

export async function leaveTraces(identity: IdentityUnderTest): Promise<MarkedPerson> {
  const marked = { ...identity, post: withTrace(identity) }
  await addMember(identity, FIRST_ADDRESS, { org: 'acme', region: 'in', role: 'member' })
  await addMember(identity, FIRST_ADDRESS, { org: 'acme', region: 'us', role: 'viewer' })
  await changeAddress(identity, FIRST_ADDRESS, ADDRESS, await signIn(marked, FIRST_ADDRESS))
  await shiftClock(identity.db, 8 * DAY_SECONDS)
  const browser = browserWithTrace(identity)
  await signInAtPages(identity, browser, ADDRESS, await browser.get(await startOfSignIn(browser)))
  const signedIn = await signIn(marked, ADDRESS)
  const token = String(signedIn.body['access_token'])
  const id = String(claimsOf(token)['sub'])
  await exchange(identity, token, { resource: IN, org_id: 'acme' })
  const { contexts } = (await call(identity, token, 'GET', '/v1/me/contexts')).body
  await hearOfRegions(identity)
  await call(identity, token, 'PUT', '/v1/me/context', { org_id: contexts[0].org.id, region: 'in' }, TRACE)
  await call(identity, token, 'PATCH', '/v1/me', { name: NAME }, { ...TRACE, 'if-match': '*' })
  const { id: membership } = await membershipOf(identity, ADDRESS, 'acme', 'us')
  await ask(identity, 'UPDATE membership SET display_name = $2 WHERE id = $1::uuid', [membership, DISPLAY_NAME])
  await ask(identity, `UPDATE membership SET status = 'removed' WHERE id = $1::uuid`, [membership])
  await requestChange(identity, token, { email: WANTED_ADDRESS }, TRACE)
  await startChallenge(marked, ADDRESS)
  await invite(identity, ADDRESS, 'pending')
  await invite(identity, FIRST_ADDRESS, 'revoked')
  await ask(
    identity,
    `INSERT INTO idempotency (scope, key_hash, request_hash, status, body, expires_at)
      VALUES ('something ' || $1, ''::bytea, ''::bytea, 201, $2::jsonb, meridian_now() + interval '1 day')`,
    [id, JSON.stringify({ answer: ANSWER })],
  )
  const macs = [FIRST_ADDRESS, ADDRESS].map((address) =>
    Buffer.from(contactMac(identity.secrets, address)).toString('hex'),
  )
  return { id, signedIn, token, browser, macs }
}

function withTrace(identity: IdentityUnderTest): IdentityUnderTest['post'] {
  return (path, form, headers = {}) => identity.post(path, form, { ...TRACE, ...headers })
}

function browserWithTrace(identity: IdentityUnderTest): HostedBrowser {
  return openBrowser({
    inject: (options) => identity.inject({ ...options, headers: { ...options.headers, ...TRACE } }),
  })
}

async function startOfSignIn(browser: HostedBrowser): Promise<string> {
  const reply = await browser.get(authorizationUrl().url)
  return String(reply.headers['location'] ?? authorizationUrl().url)
}
