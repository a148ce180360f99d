// A deletion and a lock against everything that the same person does at that moment, on two instances at once: whoever
// comes first, nothing of them lives afterwards.

import t, { type Test } from 'tap'
import { directoryDocumentSchema, importDirectory } from '../../services/identity/src/directory/import-directory.ts'
import { dumpOf } from '../support/database-dump.ts'
import { onPostgresql, type Place } from '../support/databases.ts'
import {
  authorize,
  claimsOf,
  codeMailedTo,
  exchange,
  type IdentityUnderTest,
  IN,
  makeSysAdmin,
  redeem,
  refresh,
  signIn,
  startChallenge,
  startIdentity,
} from '../support/identity.ts'
import { accept, invited } from '../support/invitations.ts'
import { addMember, call, membershipOf, tokenOf } from '../support/members.ts'
import { ask, type Call, dealt, fire, patiently, times, UNHURRIED } from '../support/races.ts'
import { hearOfRegions } from '../support/region-reports.ts'

t.setTimeout(240_000)

const ADA = 'ada@acme.test'
const ROUNDS = 4
const ACME = { resource: IN, org_id: 'acme' }

const start = (t: Test, place: Place) => startIdentity(t, place, { instances: 2, settings: UNHURRIED })

type Scene = { readonly id: string; readonly token: string; readonly rivals: readonly Call[] }

/** A member with several sign-ins in every stage of one, and what they and others do with them. */
async function prepare(identity: IdentityUnderTest, email: string, ada: string): Promise<Scene> {
  await addMember(identity, email, { org: 'acme', region: 'in', role: 'member' })
  const signedIn = await signIn(identity, email)
  const token = String(signedIn.body['access_token'])
  const invitation = await invited(identity, ada, email, { us: 'viewer' })
  await identity.mailTo(email)
  const unredeemed = await authorize(identity, email)
  const challenge = await startChallenge(identity, email)
  const answer = { client_id: 'native', auth_session: challenge.authSession, otp: await codeMailedTo(identity, email) }
  const { id: membership } = await membershipOf(identity, email, 'acme', 'in')
  const { contexts } = (await identity.get('/v1/me/contexts', token)).body
  const choice = { org_id: contexts[0].org.id, region: 'in' }
  await hearOfRegions(identity, 3600)
  const role =
    (name: string): Call =>
    (instance) =>
      call(instance, ada, 'PATCH', `/v1/orgs/acme/members/${membership}`, { role: name }, { 'if-match': '*' })
  return {
    id: String(claimsOf(token)['sub']),
    token,
    rivals: [
      (instance) => instance.post('/oauth/challenge', answer),
      (instance) => refresh(instance, signedIn.body['refresh_token']),
      (instance) => redeem(instance, unredeemed),
      (instance) => exchange(instance, token, ACME),
      (instance) => call(instance, token, 'PUT', '/v1/me/context', choice),
      (instance) => call(instance, token, 'PATCH', '/v1/me', { name: 'Quick' }, { 'if-match': '*' }),
      (instance) => call(instance, token, 'POST', '/v1/me/email', { email: `next.${email}` }),
      (instance) => accept(instance, token, invitation),
      role('viewer'),
      role('manager'),
    ],
  }
}

const EXPECTED = new Set([200, 202, 204, 400, 401, 404, 409, 410, 503])

async function liveRowsOf(identity: IdentityUnderTest, id: string): Promise<unknown> {
  const text = `SELECT
    (SELECT count(*) FROM session s WHERE s.user_id = $1::uuid AND s.revoked_at IS NULL)::int AS sessions,
    (SELECT count(*) FROM refresh_token_family f JOIN session s ON s.id = f.session_id
      WHERE s.user_id = $1::uuid AND s.revoked_at IS NULL AND f.revoked_at IS NULL)::int AS families,
    (SELECT count(*) FROM sign_on_session s WHERE s.user_id = $1::uuid AND s.revoked_at IS NULL)::int AS sign_ons`
  return (await ask(identity, text, [id]))[0]
}
const NOTHING_LIVES = { sessions: 0, families: 0, sign_ons: 0 }

await onPostgresql(t, 'a deletion against everything else that the person does', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  for (let round = 0; round < ROUNDS; round += 1) {
    const email = `gone.${round}@example.test`
    const { id, token, rivals } = await prepare(identity, email, await tokenOf(identity, ADA))
    const deletions = times(3, (instance) => patiently(() => call(instance, token, 'DELETE', '/v1/me')))
    const replies = await fire(identity, dealt(round % 2 === 0 ? rivals : [...rivals].reverse(), deletions))
    const others = replies.filter(({ status }) => !EXPECTED.has(status))
    t.strictSame(
      others.map(({ text }) => text),
      [],
    )
    t.equal(replies.filter(({ status }) => status === 204).length >= 1, true)
    t.strictSame(await liveRowsOf(identity, id), NOTHING_LIVES, `round ${round}: nothing is left alive`)
    t.strictSame(await ask(identity, `SELECT status FROM user_account WHERE id = $1::uuid`, [id]), [
      { status: 'deleted' },
    ])
    const held = await ask(identity, `SELECT 1 FROM membership WHERE user_id = $1::uuid AND status <> 'removed'`, [id])
    t.strictSame(held, [], 'no membership, also none that was just accepted')
    const events = `SELECT count(*)::int AS n FROM audit_event WHERE kind = 'user.deleted' AND outcome = 'success' AND actor_user_id = $1::uuid`
    t.strictSame(await ask(identity, events, [id]), [{ n: 1 }], 'once')
    const rows = (await dumpOf(identity)).split('\n').filter((row) => row.includes(email) || row.includes('Quick'))
    t.strictSame(rows, [], 'nor in any table')
  }
})

await onPostgresql(
  t,
  'a lock against sign-ins: none of them outlives it, nor comes back when it is lifted',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    await makeSysAdmin(identity)
    for (let round = 0; round < ROUNDS; round += 1) {
      const email = `locked.${round}@example.test`
      const { id, token, rivals } = await prepare(identity, email, await tokenOf(identity, ADA))
      const root = await tokenOf(identity, 'root@example.test')
      const setStatus =
        (status: string): Call =>
        (instance) =>
          patiently(() =>
            call(instance, root, 'PUT', `/v1/users/${id}/status`, { status, reason: 'abuse' }, { 'if-match': '*' }),
          )
      const replies = await fire(
        identity,
        dealt(round % 2 === 0 ? rivals : [...rivals].reverse(), [setStatus('disabled')]),
      )
      t.strictSame(
        replies.filter(({ status }) => !EXPECTED.has(status)).map(({ text }) => text),
        [],
      )
      t.strictSame(await liveRowsOf(identity, id), NOTHING_LIVES, `round ${round}: nothing is left alive`)
      t.equal((await setStatus('active')(identity)).status, 200)
      t.strictSame(await liveRowsOf(identity, id), NOTHING_LIVES)
      t.equal((await identity.get('/v1/me', token)).status, 401, 'what they held before stays dead')
    }
  },
)

await onPostgresql(t, 'two managers who delete themselves at once leave one', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  for (let round = 0; round < ROUNDS; round += 1) {
    const emails = [`first.${round}@example.test`, `second.${round}@example.test`]
    const org = `pair${round}`
    const organizations = [
      { slug: org, name: org, primary_contact: { name: 'C', email: 'c@example.test' }, regions: ['in'] },
    ]
    await importDirectory(identity.deps, directoryDocumentSchema.parse({ organizations, people: [] }))
    for (const email of emails) await addMember(identity, email, { org, region: 'in', role: 'manager' })
    const tokens = [await tokenOf(identity, emails[0] ?? ''), await tokenOf(identity, emails[1] ?? '')]
    const replies = await fire(
      identity,
      tokens.map(
        (token): Call =>
          (instance) =>
            patiently(() => call(instance, token, 'DELETE', '/v1/me')),
      ),
    )
    t.strictSame(replies.map(({ status }) => status).sort(), [204, 409], replies.map(({ text }) => text).join())
  }
})
