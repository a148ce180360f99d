// A sys-admin looks people up and locks accounts: what they see, what is recorded, what stays out of their reach
// (REQUIREMENTS 001-13, C-10; SECURITY A84, A90).
import { userListSchema, userSchema } from '@meridian/protocol/users'
import t from 'tap'
import { embeddedPlace, shiftClock } from '../support/databases.ts'
import { authorizationUrl, openBrowser, signInAtPages } from '../support/hosted-browser.ts'
import {
  exchange,
  type IdentityUnderTest,
  IN,
  makeSysAdmin,
  refresh,
  signIn,
  startChallenge,
  startIdentity,
} from '../support/identity.ts'
import { addMember, call, eventsOf, tokenOf } from '../support/members.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

const LIN = 'lin@acme.test'
const ROOT = 'root@example.test'
const NOBODY = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'

const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
await makeSysAdmin(identity)
const root = await tokenOf(identity, ROOT)

/** Notices first, so that the newest mail is the code. */
async function signInAgain(identity: IdentityUnderTest, email: string): Promise<string> {
  await identity.mailTo(email)
  return tokenOf(identity, email)
}

const lookUp = (identity: IdentityUnderTest, token: string, email: string) =>
  call(identity, token, 'GET', `/v1/users?email=${encodeURIComponent(email)}`)
async function idOf(identity: IdentityUnderTest, root: string, email: string): Promise<string> {
  const { users } = userListSchema.parse((await lookUp(identity, root, email)).body)
  return String(users[0]?.id)
}
const setStatus = (identity: IdentityUnderTest, token: string, id: string, status: string, version = '*') =>
  call(identity, token, 'PUT', `/v1/users/${id}/status`, { status, reason: 'abuse' }, { 'if-match': version })

t.test('a person is found by the exact address alone, with where they belong and nothing more', async (t) => {
  const found = await lookUp(identity, root, ' Sam@BOTH.test ')
  const { users } = userListSchema.parse(found.body)
  t.match(users, [
    {
      status: 'active',
      platform_role: null,
      memberships: [
        { org: { slug: 'globex' }, region: 'us', status: 'active' },
        { org: { slug: 'acme' }, region: 'in', status: 'active' },
      ],
      erasure: { ordered: 0, acknowledged: 0 },
    },
  ])
  t.notMatch(found.text, /sam|"role"|manager|member"/i, 'no address, no name, no role')
  for (const other of ['sam', '%@both.test', 'sam@both.test.', 'am@both.test', 'sam@both.test,max@globex.test']) {
    const { status, body } = await lookUp(identity, root, other)
    t.ok(status === 400 || (status === 200 && body['users'].length === 0), `${other}: ${status}`)
  }
  const none = await lookUp(identity, root, 'unknown@both.test')
  t.match(none, { status: 200, body: { users: [] } })
  const read = await call(identity, root, 'GET', `/v1/users/${users[0]?.id}`)
  t.strictSame(userSchema.parse(read.body), users[0])
  t.equal(read.headers['etag'], `"${users[0]?.version}"`)
  await refuses(t, identity, 'an unknown id', () => call(identity, root, 'GET', `/v1/users/${NOBODY}`), {
    status: 404,
    error: 'not_found',
  })
})

t.test('every look is recorded, found or not, without the address', async (t) => {
  const id = await idOf(identity, root, LIN)
  await lookUp(identity, root, 'unknown@both.test')
  await call(identity, root, 'GET', `/v1/users/${NOBODY}`)
  const events = await ask(
    identity,
    `SELECT details FROM audit_event WHERE kind = 'user.looked_up' ORDER BY id DESC LIMIT 3`,
  )
  t.strictSame(
    events.map(({ details }) => details),
    [
      { by: 'id', user: null },
      { by: 'email', user: null },
      { by: 'email', user: id },
    ],
  )
})

t.test('a lock ends every sign-in at once and keeps the person out; lifted, they sign in anew', async (t) => {
  const id = await idOf(identity, root, LIN)
  const { access_token: account, refresh_token: held } = (await signIn(identity, LIN)).body
  const browser = openBrowser(identity)
  await signInAtPages(
    identity,
    browser,
    LIN,
    await browser.get((await browser.get(authorizationUrl().url)).headers['location'] as string),
  )
  const locked = await setStatus(identity, root, id, 'disabled')
  t.match(locked, { status: 200, body: { id, status: 'disabled', disabled_at: /^\d{4}-/ } })
  const invalidToken = { status: 401, error: 'invalid_token' }
  const invalidGrant = { status: 400, error: 'invalid_grant' }
  await refuses(t, identity, 'the account token', () => identity.get('/v1/me', account), invalidToken)
  await refuses(t, identity, 'a refresh', () => refresh(identity, held), invalidGrant)
  await refuses(
    t,
    identity,
    'an exchange',
    () => exchange(identity, account, { resource: IN, org_id: 'acme' }),
    invalidGrant,
  )
  const silent = await browser.get(authorizationUrl({ prompt: 'none' }).url)
  t.match(String(silent.headers['location']), /error=login_required/)
  const mails = await identity.mailTo(LIN)
  t.match(mails[0]?.subject, /is locked/)
  await startChallenge(identity, LIN)
  t.equal((await identity.mailTo(LIN)).length, mails.length, 'no code is mailed')
  t.match(await setStatus(identity, root, id, 'disabled'), { status: 200 }, 'again: nothing happens')

  const open = await setStatus(identity, root, id, 'active', String(locked.headers['etag']))
  t.match(open, { status: 200, body: { status: 'active', disabled_at: null } })
  await refuses(t, identity, 'what was ended stays so', () => refresh(identity, held), invalidGrant)
  t.equal((await identity.get('/v1/me', await signInAgain(identity, LIN))).status, 200)
  const audited = ['user.looked_up success', 'user.disabled success', 'user.enabled success']
  t.strictSame((await eventsOf(identity, 'user')).slice(-3), audited)
  await refuses(
    t,
    identity,
    'an old version',
    () => setStatus(identity, root, id, 'disabled', String(locked.headers['etag'])),
    {
      status: 412,
      error: 'precondition_failed',
    },
  )
})

t.test('the last manager is locked only once the organization is suspended', async (t) => {
  await addMember(identity, 'ada@acme.test', { org: 'globex', region: 'us', role: 'manager' })
  const id = await idOf(identity, root, 'ada@acme.test')
  const lock = () => setStatus(identity, root, id, 'disabled')
  const { body } = await refuses(t, identity, 'in use', lock, { status: 409, error: 'last_manager' })
  t.match(body, { organizations: [{ slug: 'acme' }], detail: /Suspend the organization first/ })
  t.strictSame((await eventsOf(identity, 'user')).slice(-2), ['user.looked_up success', 'user.disabled refused'])
  await ask(identity, `UPDATE organization SET status = 'suspended' WHERE slug = 'acme'`)
  t.equal((await lock()).status, 200)
})

t.test(
  'nobody locks themself or what is deleted; the last sys-admin stays, and a locked one is no longer one who acts',
  async (t) => {
    const conflict = { status: 409, error: 'conflict' }
    const me = await idOf(identity, root, ROOT)
    await refuses(t, identity, 'themself', () => setStatus(identity, root, me, 'disabled'), conflict)
    const appointed = await call(identity, root, 'POST', '/v1/sys-admins', {
      email: 'second@example.test',
      name: 'Second',
    })
    const second = await signInAgain(identity, 'second@example.test')
    const own = String(appointed.body['id'])
    await refuses(t, identity, 'one of two', () => setStatus(identity, second, own, 'disabled'), conflict)
    t.equal((await setStatus(identity, second, me, 'disabled')).status, 200)
    await refuses(t, identity, 'a locked sys-admin', () => lookUp(identity, root, LIN), {
      status: 401,
      error: 'invalid_token',
    })
    await ask(identity, `UPDATE user_account SET status = 'active' WHERE id = $1::uuid`, [me])
    const again = await signInAgain(identity, ROOT)
    t.equal((await setStatus(identity, again, String(appointed.body['id']), 'disabled')).status, 200)

    const id = await idOf(identity, again, LIN)
    t.equal((await call(identity, await signInAgain(identity, LIN), 'DELETE', '/v1/me')).status, 204)
    await refuses(t, identity, 'a deleted one', () => setStatus(identity, again, id, 'active'), conflict)
    t.match((await call(identity, again, 'GET', `/v1/users/${id}`)).body, {
      status: 'deleted',
      erasure: { ordered: 1, acknowledged: 0 },
      memberships: [{ status: 'removed' }],
    })
    t.strictSame((await lookUp(identity, again, LIN)).body, { users: [] })
  },
)

t.test('people are looked up and locked by sys-admins who signed in lately, and by nobody else', async (t) => {
  const again = await signInAgain(identity, ROOT)
  const id = await idOf(identity, again, 'sam@both.test')
  const ada = await signInAgain(identity, 'max@globex.test')
  const { refresh_token: held } = (await signIn(identity, ROOT)).body
  const calls = (token: string) => [
    () => lookUp(identity, token, 'sam@both.test'),
    () => call(identity, token, 'GET', `/v1/users/${id}`),
    () => setStatus(identity, token, id, 'disabled'),
  ]
  for (const request of calls(ada))
    await refuses(t, identity, 'a manager', request, { status: 403, error: 'access_denied' })
  await shiftClock(identity.db, 601)
  const later = String((await refresh(identity, held)).body['access_token'])
  for (const request of calls(later))
    await refuses(t, identity, 'too long ago', request, { status: 401, error: 'insufficient_user_authentication' })
})
