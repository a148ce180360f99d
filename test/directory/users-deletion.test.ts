// A person deletes their account: what is in the way of it, what ends with it, and that nothing of them is left
// (REQUIREMENTS G-10).
import t, { type Test } from 'tap'
import { dumpOf } from '../support/database-dump.ts'
import { eachEngine, embeddedPlace, type Place, shiftClock } from '../support/databases.ts'
import { askToStop, changeAddress, importPerson, STOP_CODE } from '../support/email-change.ts'
import { authorizationUrl, follow } from '../support/hosted-browser.ts'
import {
  authorize,
  basic,
  claimsOf,
  codeMailedTo,
  exchange,
  type IdentityUnderTest,
  IN,
  makeSysAdmin,
  REGION_SECRETS,
  type Reply,
  redeem,
  refresh,
  signIn,
  startChallenge,
  startIdentity,
} from '../support/identity.ts'
import { ADDRESS, FIRST_ADDRESS, leaveTraces, MARKERS, TRACE } from '../support/marked-person.ts'
import { addMember, call, eventsOf, membershipOf, tokenOf } from '../support/members.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

const ADA = 'ada@acme.test'

const start = (t: Test, place: Place) => startIdentity(t, place, { settings: UNHURRIED })
/** One service for all that are about different people; who moves the clock comes last. */
const identity = await start(t, await embeddedPlace('identity'))

async function member(name: string): Promise<string> {
  await addMember(identity, `${name}@acme.test`, { org: 'acme', region: 'in', role: 'member' })
  return `${name}@acme.test`
}
const deleteMe = (identity: IdentityUnderTest, token: string) => call(identity, token, 'DELETE', '/v1/me')
const invalidGrant = { status: 400, error: 'invalid_grant' }

/** The tables in which a person's id stands. */
async function tablesNaming(identity: IdentityUnderTest, id: string): Promise<readonly string[]> {
  const tables = await ask(
    identity,
    `SELECT relname::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
  )
  const naming: string[] = []
  for (const { name } of tables) {
    const found = await ask(identity, `SELECT 1 FROM ${name} x WHERE strpos(x::text, $1) > 0 LIMIT 1`, [id])
    if (found.length > 0) naming.push(String(name))
  }
  return naming
}

await eachEngine(t, 'nothing of a deleted person is left but the id, in no table at all', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  const { id, token, macs } = await leaveTraces(identity)
  await call(identity, token, 'POST', '/v1/me/export')
  const before = await dumpOf(identity)
  for (const marker of [...MARKERS, ...macs]) t.match(before, marker, `${marker} was there`)
  const reply = await call(identity, token, 'DELETE', '/v1/me', undefined, TRACE)
  t.equal(reply.status, 204, reply.text)
  const pending = await identity.mailTo(ADDRESS)
  t.match(pending[0]?.subject, /was deleted/, 'they are told')
  await identity.db.sql({ name: 'forget_sent', text: `DELETE FROM mail_outbox WHERE kind = 'account_deleted'` }, [])
  const after = await dumpOf(identity)
  const left = after.split('\n').filter((row) => [...MARKERS, ...macs].some((marker) => row.includes(marker)))
  t.strictSame(left, [])
  t.strictSame(await ask(identity, `SELECT status, name, email, phone FROM user_account WHERE id = $1::uuid`, [id]), [
    { status: 'deleted', name: '', email: null, phone: null },
  ])
  t.strictSame(await tablesNaming(identity, id), [
    'audit_event',
    'change',
    'erasure_order',
    'membership',
    'user_account',
  ])
  const orders = await ask(identity, 'SELECT region FROM erasure_order WHERE subject_id = $1::uuid ORDER BY region', [
    id,
  ])
  t.strictSame(
    orders.map(({ region }) => region),
    ['in', 'us'],
    'every region that they ever were in erases them, also where they had been removed',
  )
  t.strictSame(await eventsOf(identity, 'user'), [
    'user.renamed success',
    'user.exported success',
    'user.deleted success',
  ])
  t.strictSame(
    await eventsOf(identity, 'membership'),
    ['membership.left success'],
    'the organization sees that they left',
  )
})

t.test('regions are told of the end of each session and membership', async (t) => {
  const email = await member('told')
  const { id: membership } = await membershipOf(identity, email, 'acme', 'in')
  const sids = [await signIn(identity, email), await signIn(identity, email)].map((reply) =>
    String(claimsOf(reply.body['access_token'])['sid']),
  )
  t.equal((await deleteMe(identity, await tokenOf(identity, email))).status, 204)
  const told = await ask(identity, 'SELECT kind, subject FROM revocation')
  for (const sid of sids) t.ok(told.some(({ kind, subject }) => kind === 'session' && subject === sid))
  t.ok(told.some(({ kind, subject }) => kind === 'membership' && subject === membership))
})

t.test('whatever a deleted person held opens nothing, at any endpoint', async (t) => {
  const email = await member('holder')
  const signedIn = await signIn(identity, email)
  const { access_token: account, refresh_token: held } = signedIn.body
  const region = await exchange(identity, account, { resource: IN, org_id: 'acme' })
  const unredeemed = await authorize(identity, email)
  const challenge = await startChallenge(identity, email)
  const otp = await codeMailedTo(identity, email)
  const other = await tokenOf(identity, email)
  t.equal((await deleteMe(identity, account)).status, 204)

  const invalidToken = { status: 401, error: 'invalid_token' }
  for (const url of ['/v1/me', '/v1/me/contexts', '/v1/me/sessions', '/oauth/userinfo', '/v1/users?email=x@y.test'])
    for (const token of [account, other]) await refuses(t, identity, url, () => identity.get(url, token), invalidToken)
  await refuses(t, identity, 'again', () => deleteMe(identity, account), invalidToken)
  await refuses(t, identity, 'a refresh', () => refresh(identity, held), invalidGrant)
  const target = { resource: IN, org_id: 'acme' }
  await refuses(t, identity, 'a refresh for a region', () => refresh(identity, held, target), invalidGrant)
  await refuses(t, identity, 'an exchange', () => exchange(identity, account, target), invalidGrant)
  await refuses(t, identity, 'a code', () => redeem(identity, unredeemed), invalidGrant)
  const answer = { client_id: 'native', auth_session: challenge.authSession, otp }
  const wrong = { status: 400, error: 'invalid_code' }
  await refuses(t, identity, 'a code by mail', () => identity.post('/oauth/challenge', answer), wrong)
  const asRegion = basic('region-in', REGION_SECRETS.in)
  for (const token of [account, held, region.body['access_token']]) {
    const { body } = await identity.post('/oauth/introspect', { token: String(token) }, asRegion)
    t.strictSame(body, { active: false })
  }
  const mails = (await identity.mailTo(email)).length
  await startChallenge(identity, email)
  t.equal((await identity.mailTo(email)).length, mails, 'and no code is mailed to them')
})

t.test('an address that was set free begins anew, under another id', async (t) => {
  const email = await member('anew')
  const subOf = ({ body }: Reply) => claimsOf(body['access_token'])['sub']
  const first = await signIn(identity, email)
  t.equal((await deleteMe(identity, String(first.body['access_token']))).status, 204)
  t.equal(await importPerson(identity, email), 1)
  await identity.mailTo(email)
  const second = await signIn(identity, email)
  t.not(subOf(second), subOf(first))
  const { contexts } = (await identity.get('/v1/me/contexts', String(second.body['access_token']))).body
  t.strictSame(contexts, [], 'and belongs nowhere')
})

t.test('an account that is deleted is never anybody again', async (t) => {
  const email = await member('never')
  const signedIn = await signIn(identity, email)
  const id = claimsOf(signedIn.body['access_token'])['sub']
  const { id: membership } = await membershipOf(identity, email, 'acme', 'in')
  await deleteMe(identity, String(signedIn.body['access_token']))
  const refused = { code: '23514' }
  for (const change of [
    `status = 'active', deleted_at = NULL, email = 'x@example.test'`,
    `name = 'Lin'`,
    `email = 'x@example.test'`,
    `platform_role = 'sys_admin'`,
  ])
    await t.rejects(ask(identity, `UPDATE user_account SET ${change} WHERE id = $1::uuid`, [id]), refused, change)
  const back = ask(identity, `UPDATE membership SET status = 'active' WHERE id = $1::uuid`, [membership])
  await t.rejects(back, refused, 'nor a member')
})
t.test('the last sys-admin stays', async (t) => {
  await makeSysAdmin(identity)
  const root = await tokenOf(identity, 'root@example.test')
  const conflict = { status: 409, error: 'conflict' }
  await refuses(t, identity, 'the only one', () => deleteMe(identity, root), conflict)
  const appointed = await call(identity, root, 'POST', '/v1/sys-admins', {
    email: 'second@example.test',
    name: 'Second',
  })
  t.equal(appointed.status, 201, appointed.text)
  t.equal((await deleteMe(identity, root)).status, 204)
})

t.test('the last manager stays, and is told of which organizations', async (t) => {
  await addMember(identity, ADA, { org: 'globex', region: 'us', role: 'manager' })
  const ada = await tokenOf(identity, ADA)
  const named = async (title: string) => {
    const reply = await refuses(t, identity, title, () => deleteMe(identity, ada), {
      status: 409,
      error: 'last_manager',
    })
    const organizations = reply.body['organizations'] as readonly { slug: string; helped_by: string }[]
    t.equal(/system administrators/.test(reply.body['detail']), organizations[0]?.helped_by === 'sys_admins', title)
    return organizations.map(({ slug, helped_by: helpedBy }) => `${slug}: ${helpedBy}`)
  }
  t.strictSame(await named('the only manager'), ['acme: managers'], 'globex has another one')
  await ask(identity, `UPDATE organization SET status = 'suspended' WHERE slug = 'acme'`)
  t.strictSame(await named('also of a suspended one'), ['acme: sys_admins'])
  t.strictSame((await eventsOf(identity, 'user')).slice(-2), ['user.deleted refused', 'user.deleted refused'])
  await ask(identity, `UPDATE organization SET status = 'active' WHERE slug = 'acme'`)
  await addMember(identity, 'nobody@example.test', { org: 'acme', region: 'in', role: 'manager' })
  await ask(identity, `UPDATE region SET status = 'withdrawn' WHERE code = 'in'`)
  const withdrawn = await named('where the region of every manager is withdrawn')
  t.ok(withdrawn.includes('acme: sys_admins'), withdrawn.join())
  await ask(identity, `UPDATE region SET status = 'active' WHERE code = 'in'`)
  t.equal((await deleteMe(identity, ada)).status, 204, 'once there is another one')
})

t.test('an organization that is deleted itself keeps nobody', async (t) => {
  await ask(
    identity,
    `UPDATE organization SET status = 'deleted', deleted_at = meridian_now(), delete_after = meridian_now() WHERE slug = 'globex'`,
  )
  t.equal((await deleteMe(identity, await tokenOf(identity, 'max@globex.test'))).status, 204)
})

t.test('a deletion needs a recent sign-in', async (t) => {
  const email = await member('late')
  const signedIn = await signIn(identity, email)
  await shiftClock(identity.db, 601)
  const token = String((await refresh(identity, signedIn.body['refresh_token'])).body['access_token'])
  const expected = { status: 401, error: 'insufficient_user_authentication' }
  for (const [method, url] of [
    ['DELETE', '/v1/me'],
    ['POST', '/v1/me/export'],
  ] as const) {
    const reply = await refuses(t, identity, url, () => call(identity, token, method, url), expected)
    t.match(reply.headers['www-authenticate'], 'max_age="600"')
  }
})

t.test('while an address may have to be given back the account cannot be destroyed', async (t) => {
  const email = await member('taken')
  const { signedIn } = await changeAddress(identity, email, 'taken.over@example.test')
  const token = String(signedIn.body['access_token'])
  const conflict = { status: 409, error: 'conflict' }
  const reply = await refuses(t, identity, 'a changed address', () => deleteMe(identity, token), conflict)
  t.match(reply.body['possible_from'], /^\d{4}-\d\d-\d\dT/)
  await shiftClock(identity.db, 8 * 86_400)
  t.equal((await deleteMe(identity, await tokenOf(identity, 'taken.over@example.test'))).status, 204)
})

t.test('a browser that was signed on is asked to sign in, and an old address stops nothing', async (t) => {
  const identity = await start(t, await embeddedPlace('identity'))
  const { token, browser } = await leaveTraces(identity)
  t.equal((await deleteMe(identity, token)).status, 204)
  const silent = await browser.get(authorizationUrl({ prompt: 'none' }).url)
  t.match(String(silent.headers['location']), /error=login_required/)
  const page = await follow(browser, await browser.get(authorizationUrl().url))
  t.match(page.text, /name="email"/)
  const mails = (await identity.mailTo(FIRST_ADDRESS)).length
  const { browser: old, fields } = await askToStop(identity, FIRST_ADDRESS)
  t.equal((await identity.mailTo(FIRST_ADDRESS)).length, mails)
  t.equal((await old.post(STOP_CODE, { ...fields, otp: '000000' })).status, 400)
})
