// Sys-admins appoint and dismiss each other; the platform never loses the last one, whoever acts at the same time
// (REQUIREMENTS G-13, G-14; SECURITY A90, A91).
import { sysAdminPageSchema, sysAdminSchema } from '@meridian/protocol/sys-admins'
import t, { type Test } from 'tap'
import { appointFirstSysAdmin } from '../../services/identity/src/directory/appoint-sys-admin.ts'
import { eachEngine, embeddedPlace, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import { changeAddress } from '../support/email-change.ts'
import {
  type IdentityUnderTest,
  type Instance,
  idempotencyKey,
  makeSysAdmin,
  refresh,
  signIn,
  startIdentity,
} from '../support/identity.ts'
import { addMember, call, eventsOf, tokenOf } from '../support/members.ts'
import { ask, type Call, fire, patiently, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(120_000)

const ROOT = 'root@example.test'
const SECOND = 'second@example.test'
const conflict = { status: 409, error: 'conflict' }

async function start(t: Test, place: Place, instances = 1) {
  const identity = await startIdentity(t, place, { settings: UNHURRIED, instances })
  await makeSysAdmin(identity)
  return { identity, root: await tokenOf(identity, ROOT) }
}
const startEmbedded = async (t: Test) => start(t, await embeddedPlace('identity'))

/** Notices first, so that the newest mail is the code. */
async function signInAgain(identity: IdentityUnderTest, email: string): Promise<string> {
  await identity.mailTo(email)
  return tokenOf(identity, email)
}

const appoint = (identity: Pick<Instance, 'inject'>, token: string, email: string, headers = {}) =>
  call(identity, token, 'POST', '/v1/sys-admins', { email, name: 'Somebody' }, headers)
const dismiss = (identity: Pick<Instance, 'inject'>, token: string, id: unknown) =>
  call(identity, token, 'DELETE', `/v1/sys-admins/${id}`)
const activeOnes = async (identity: IdentityUnderTest) =>
  (
    await ask(
      identity,
      `SELECT email FROM user_account WHERE platform_role = 'sys_admin' AND status = 'active' ORDER BY email`,
    )
  ).map(({ email }) => email)

t.test('a sys-admin appoints another one, and every sys-admin is told', async (t) => {
  const { identity, root } = await startEmbedded(t)
  const made = await appoint(identity, root, SECOND)
  t.equal(made.status, 201, made.text)
  t.match(sysAdminSchema.parse(made.body), { email: SECOND, name: 'Somebody', status: 'active' })
  for (const to of [ROOT, SECOND]) {
    const [mail] = await identity.mailTo(to)
    t.match(mail, { subject: /was appointed/, text: SECOND })
  }
  const second = await signInAgain(identity, SECOND)
  const { sys_admins: all } = sysAdminPageSchema.parse((await call(identity, second, 'GET', '/v1/sys-admins')).body)
  t.strictSame(all.map(({ email }) => email).sort(), [ROOT, SECOND])
  const first = (await call(identity, root, 'GET', '/v1/sys-admins?limit=1')).body
  const rest = (await call(identity, root, 'GET', `/v1/sys-admins?limit=1&cursor=${first['next_cursor']}`)).body
  t.strictSame([first['sys_admins'].length, rest['sys_admins'].length, rest['next_cursor']], [1, 1, null])
  t.strictSame(await eventsOf(identity, 'sys_admin'), ['sys_admin.appointed success', 'sys_admin.appointed success'])
})

t.test('an appointment with its key again is the same one, and keeps nobody’s address', async (t) => {
  const { identity, root } = await startEmbedded(t)
  const key = { 'idempotency-key': idempotencyKey() }
  const made = await appoint(identity, root, SECOND, key)
  const again = await appoint(identity, root, SECOND, key)
  t.strictSame([again.status, again.body], [made.status, made.body])
  t.strictSame(await ask(identity, 'SELECT body FROM idempotency'), [{ body: { id: made.body['id'] } }])
  const other = { status: 422, error: 'idempotency_key_reused' }
  await refuses(t, identity, 'another body', () => appoint(identity, root, 'third@example.test', key), other)
  t.equal((await dismiss(identity, root, made.body['id'])).status, 204)
  await refuses(t, identity, 'dismissed since', () => appoint(identity, root, SECOND, key), conflict)
})

t.test('who becomes a sys-admin, and who no longer is one, is signed out everywhere', async (t) => {
  const { identity, root } = await startEmbedded(t)
  const { access_token: ordinary, refresh_token: held } = (await signIn(identity, 'nobody@example.test')).body
  const made = await appoint(identity, root, 'nobody@example.test')
  t.match(made, { status: 201, body: { name: 'Nobody' } }, 'whoever has an account keeps their name')
  const invalidGrant = { status: 400, error: 'invalid_grant' }
  await refuses(t, identity, 'from before', () => refresh(identity, held), invalidGrant)
  t.equal((await identity.get('/v1/me', ordinary)).status, 401)
  await identity.mailTo('nobody@example.test')
  const { access_token: powerful, refresh_token: later } = (await signIn(identity, 'nobody@example.test')).body
  t.equal((await call(identity, powerful, 'GET', '/v1/sys-admins')).status, 200)
  t.equal((await dismiss(identity, root, made.body['id'])).status, 204)
  t.equal((await call(identity, powerful, 'GET', '/v1/sys-admins')).status, 401, 'at once')
  await refuses(t, identity, 'from when they were', () => refresh(identity, later), invalidGrant)
  const now = await signInAgain(identity, 'nobody@example.test')
  t.match((await identity.get('/v1/me', now)).body, { user: { platform_role: null } }, 'an ordinary account is left')
  const [mail] = await identity.mailTo(ROOT)
  t.match(mail, { subject: /was dismissed/, text: 'nobody@example.test' })
})

t.test('nobody becomes a sys-admin who belongs to an organization, is locked, or is one', async (t) => {
  const { identity, root } = await startEmbedded(t)
  const member = { status: 409, error: 'sys_admin_cannot_be_member' }
  await refuses(t, identity, 'a member', () => appoint(identity, root, 'lin@acme.test'), member)
  await ask(identity, `UPDATE membership SET status = 'suspended' WHERE role = 'member'`)
  await refuses(t, identity, 'a suspended member', () => appoint(identity, root, 'lin@acme.test'), member)
  await refuses(t, identity, 'one who is', () => appoint(identity, root, ROOT), conflict)
  await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE email = 'nobody@example.test'`)
  await refuses(t, identity, 'a locked one', () => appoint(identity, root, 'nobody@example.test'), conflict)
  await changeAddress(identity, 'sam@both.test', 'sam.new@both.test')
  await refuses(t, identity, 'an address that is held', () => appoint(identity, root, 'sam@both.test'), {
    status: 409,
    error: 'email_taken',
  })
  await ask(identity, `UPDATE membership SET status = 'removed' WHERE role = 'member'`)
  t.equal((await appoint(identity, root, 'lin@acme.test')).status, 201, 'who was removed everywhere may')
})

t.test('only sys-admins who signed in lately change who is one', async (t) => {
  const { identity, root } = await startEmbedded(t)
  const { body } = await appoint(identity, root, SECOND)
  const ada = await tokenOf(identity, 'ada@acme.test')
  const { refresh_token: held } = (await signIn(identity, ROOT)).body
  const denied = { status: 403, error: 'access_denied' }
  await refuses(t, identity, 'a manager lists', () => call(identity, ada, 'GET', '/v1/sys-admins'), denied)
  await refuses(t, identity, 'a manager appoints', () => appoint(identity, ada, 'x@example.test'), denied)
  await refuses(t, identity, 'a manager dismisses', () => dismiss(identity, ada, body['id']), denied)
  await shiftClock(identity.db, 601)
  const later = String((await refresh(identity, held)).body['access_token'])
  const stale = { status: 401, error: 'insufficient_user_authentication' }
  await refuses(t, identity, 'appoints', () => appoint(identity, later, 'x@example.test'), stale)
  await refuses(t, identity, 'dismisses', () => dismiss(identity, later, body['id']), stale)
  t.equal((await call(identity, later, 'GET', '/v1/sys-admins')).status, 200, 'and reads')
})

await eachEngine(t, 'the last active sys-admin stays, whichever way they would go', async (t, makePlace) => {
  const { identity, root } = await start(t, await makePlace('identity'))
  const { sys_admins: all } = (await call(identity, root, 'GET', '/v1/sys-admins')).body
  await refuses(t, identity, 'dismissed', () => dismiss(identity, root, all[0].id), conflict)
  t.ok((await eventsOf(identity, 'sys_admin')).includes('sys_admin.dismissed refused'))
  const { body } = await appoint(identity, root, SECOND)
  await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE email = $1`, [SECOND])
  await refuses(t, identity, 'a locked one does not count', () => dismiss(identity, root, all[0].id), conflict)
  for (const change of [`status = 'disabled'`, 'platform_role = NULL']) {
    const update = ask(identity, `UPDATE user_account SET ${change} WHERE email = $1`, [ROOT])
    await t.rejects(update, { code: '23514' }, `by SQL: ${change}`)
  }
  t.equal((await dismiss(identity, root, body['id'])).status, 204, 'the locked one may go')
  await refuses(t, identity, 'who is none', () => dismiss(identity, root, body['id']), {
    status: 404,
    error: 'not_found',
  })
})

await onPostgresql(t, 'sys-admins who dismiss, lock and delete each other at once leave one', async (t, makePlace) => {
  const { identity, root } = await start(t, await makePlace('identity'), 2)
  const asked = await call(identity, root, 'GET', '/v1/sys-admins')
  const first = { email: ROOT, id: String(asked.body['sys_admins'][0].id) }
  for (let round = 0; round < 8; round += 1) {
    const signer = String(await activeOnes(identity).then(([email]) => email))
    const one = await signInAgain(identity, signer)
    const email = `other.${round}@example.test`
    const { body } = await appoint(identity, one, email)
    const other = await signInAgain(identity, email)
    const lock = (instance: Instance, token: string, id: string) =>
      call(
        instance,
        token,
        'PUT',
        `/v1/users/${id}/status`,
        { status: 'disabled', reason: 'abuse' },
        { 'if-match': '*' },
      )
    const gone: readonly ((token: string, id: string) => Call)[] = [
      (token, id) => (instance) => patiently(() => dismiss(instance, token, id)),
      (token, id) => (instance) => patiently(() => lock(instance, token, id)),
      (token) => (instance) => patiently(() => call(instance, token, 'DELETE', '/v1/me')),
    ]
    const way = gone[round % 3] ?? gone[0]
    const back = gone[Math.floor(round / 3) % 3] ?? gone[0]
    const replies = await fire(
      identity,
      [way?.(one, body['id']), back?.(other, first.id)].filter((c) => c !== undefined),
    )
    const statuses = replies.map(({ status }) => status)
    t.ok(
      statuses.every((status) => [200, 204, 401, 403, 404, 409].includes(status)),
      `${statuses}`,
    )
    t.not((await activeOnes(identity)).length, 0, `round ${round}: somebody is left: ${statuses}`)
    await ask(
      identity,
      `UPDATE user_account SET status = 'active' WHERE status = 'disabled' AND platform_role = 'sys_admin'`,
    )
    const left = await activeOnes(identity)
    const [row] = await ask(identity, 'SELECT id::text FROM user_account WHERE email = $1', [left[0]])
    Object.assign(first, { email: left[0], id: String(row?.['id']) })
  }
})

await onPostgresql(t, 'the first sys-admin is one, however many commands ask at once (A91)', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { instances: 2 })
  const asking = (email: string) => async (instance: Instance) => {
    try {
      await appointFirstSysAdmin(instance.deps, { email, name: 'First' })
      return 'appointed'
    } catch (error) {
      return String((error as { code?: string }).code)
    }
  }
  const emails = Array.from({ length: 8 }, (_, index) => `first.${index}@example.test`)
  const outcomes = await fire(identity, emails.map(asking))
  t.strictSame(outcomes.sort(), ['appointed', ...Array<string>(7).fill('conflict')])
  t.equal((await activeOnes(identity)).length, 1)
})

await onPostgresql(t, 'an appointment and a membership at the same moment: one of the two', async (t, makePlace) => {
  const { identity } = await start(t, await makePlace('identity'), 2)
  for (let round = 0; round < 6; round += 1) {
    const email = `either.${round}@example.test`
    await addMember(identity, email)
    const root = await signInAgain(identity, ROOT)
    const joining: Call<string> = async () => {
      try {
        await addMember(identity, email, { org: 'acme', region: 'in', role: 'member' })
        return 'member'
      } catch {
        return 'refused'
      }
    }
    const appointing: Call<string> = async (instance) =>
      String((await patiently(() => appoint(instance, root, email))).status)
    const outcomes = (await fire(identity, [joining, appointing])).join()
    t.ok(['member,409', 'refused,201'].includes(outcomes), outcomes)
  }
})
