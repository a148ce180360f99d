// What is personal in the audit can go, and what happened stays proved.
import t from 'tap'
import { eraseAuditDetails } from '../../services/identity/src/audit/erase.ts'
import { purgeExpired } from '../../services/identity/src/store/purge.ts'
import { dumpOf } from '../support/database-dump.ts'
import { eachEngine, shiftClock } from '../support/databases.ts'
import { exchange, type IdentityUnderTest, IN, signIn, startChallenge, startIdentity } from '../support/identity.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { seal, verify } from './chained-identity.ts'

t.setTimeout(180_000)

async function actFrom(identity: IdentityUnderTest, email: string): Promise<string> {
  const { access_token: token } = (await signIn(identity, email)).body
  await exchange(identity, token, { resource: IN, org_id: 'acme' })
  const [row] = await ask(identity, 'SELECT id::text AS id FROM user_account WHERE email = $1::text', [email])
  return String(row?.['id'])
}

const addresses = (identity: IdentityUnderTest) =>
  ask(
    identity,
    'SELECT u.email, count(*)::int AS n FROM audit_personal p JOIN user_account u ON u.id = p.user_id GROUP BY u.email ORDER BY 1',
  )

await eachEngine(
  t,
  'erasing somebody takes their details, sealed or not, and leaves the chains whole',
  async (t, place) => {
    const identity = await startIdentity(t, await place('identity'), { settings: UNHURRIED })
    const lin = await actFrom(identity, 'lin@acme.test')
    await actFrom(identity, 'ada@acme.test')
    await seal(identity)
    await actFrom(identity, 'lin@acme.test')
    const before = await ask(identity, 'SELECT count(*)::int AS n FROM audit_event')
    t.match(await addresses(identity), [{ email: 'ada@acme.test' }, { email: 'lin@acme.test', n: 6 }])
    t.equal(await eraseAuditDetails(identity.db, lin), 6)
    t.match(await addresses(identity), [{ email: 'ada@acme.test', n: 3 }], 'of nobody else')
    t.equal(await eraseAuditDetails(identity.db, lin), 0)
    t.strictSame(await ask(identity, 'SELECT count(*)::int AS n FROM audit_event'), before, 'the events stay')
    await seal(identity)
    t.match(await verify(identity), { erased: 6, waiting: 0, broken: [] })
  },
)

await eachEngine(t, 'personal details go after 400 days', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'))
  await actFrom(identity, 'lin@acme.test')
  await seal(identity)
  await shiftClock(identity.db, 399 * 86_400)
  await purgeExpired(identity.db)
  t.match(await addresses(identity), [{ n: 3 }])
  await shiftClock(identity.db, 401 * 86_400)
  await purgeExpired(identity.db)
  t.strictSame(await addresses(identity), [])
  t.match(await verify(identity), { broken: [] })
})

await eachEngine(t, 'an event tells no address, no code and no secret of a sign-in', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { settings: UNHURRIED })
  await startChallenge(identity, 'canary-nobody@example.test')
  const { authSession, reply } = await startChallenge(identity, 'lin@acme.test')
  const answered = await identity.post('/oauth/challenge', {
    client_id: 'native',
    auth_session: authSession,
    otp: '000000',
  })
  t.equal(answered.body['error'], 'invalid_code')
  const signedIn = (await signIn(identity, 'lin@acme.test')).body
  const rows = await ask(
    identity,
    'SELECT (SELECT string_agg(e::text, $1) FROM audit_event e) || (SELECT string_agg(p::text, $1) FROM audit_personal p) AS text',
    ['|'],
  )
  const text = String(rows[0]?.['text'])
  t.match(text, 'sign_in.refused', 'the wrong code is an event')
  t.match(text, '127.0.0.1', 'and the text is the whole of it')
  for (const secret of ['@', reply.body['auth_session'], signedIn['access_token'], signedIn['refresh_token']])
    t.notOk(text.includes(String(secret)), `not ${String(secret).slice(0, 10)}`)
  const salts = await ask(identity, 'SELECT count(DISTINCT salt)::int = count(*)::int AS ok FROM audit_personal')
  t.strictSame(salts, [{ ok: true }], 'each salt is its own')
  t.match(await dumpOf(identity), 'lin@acme.test')
})
