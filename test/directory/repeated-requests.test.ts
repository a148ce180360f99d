// Whatever makes something by POST takes an Idempotency-Key: a repeat of the request, whose answer was lost, makes nothing
// more. What each makes is tried beside the rest of it; here that none lacks it, and of a first manager, that it holds.
import t from 'tap'
import { eachEngine, embeddedPlace } from '../support/databases.ts'
import { idempotencyKey, startIdentity } from '../support/identity.ts'
import { lockManagersOf, orgIdOf, sysAdminToAsk } from '../support/organizations.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

/** A second code takes the place of the first, and no more than one works. */
const NEEDS_NONE = ['/v1/me/email']

type Operation = {
  readonly responses: Readonly<Record<string, unknown>>
  readonly parameters?: readonly { readonly name: string }[]
}

t.test('every POST that makes something takes an Idempotency-Key', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const { body } = await identity.get('/openapi.json', '')
  const paths = Object.entries(body['paths'] as Readonly<Record<string, { readonly post?: Operation }>>)
  const making = paths.filter(
    ([, { post }]) => post !== undefined && ('201' in post.responses || '202' in post.responses),
  )
  t.ok(making.length > NEEDS_NONE.length)
  const without = making.filter(([, { post }]) => !post?.parameters?.some(({ name }) => name === 'Idempotency-Key'))
  t.strictSame(
    without.map(([path]) => path),
    NEEDS_NONE,
  )
})

await eachEngine(t, 'a first manager is made once a key, and mailed once', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { settings: UNHURRIED })
  const root = await sysAdminToAsk(identity)
  const acme = await orgIdOf(identity, 'acme')
  t.equal((await root('PUT', '/v1/orgs/acme/status', { status: 'suspended' })).status, 200)
  await lockManagersOf(identity, acme)
  const key = { 'idempotency-key': idempotencyKey() }
  const appoint = (email: string, headers = key) =>
    root('POST', '/v1/orgs/acme/first-manager', { email, name: 'New' }, headers)
  const first = await appoint('new@acme.test')
  t.equal(first.status, 201, first.text)
  const again = await appoint('new@acme.test')
  t.strictSame({ status: again.status, body: again.body }, { status: 201, body: first.body })
  const reused = { status: 422, error: 'idempotency_key_reused' }
  await refuses(t, identity, 'the key of another', () => appoint('other@acme.test'), reused)
  const present = { status: 409, error: 'manager_present' }
  const anew = { 'idempotency-key': idempotencyKey() }
  await refuses(t, identity, 'another key', () => appoint('new@acme.test', anew), present)
  const mails = `SELECT count(*)::int AS n FROM mail_outbox WHERE kind = 'manager_appointed'`
  t.strictSame(await ask(identity, mails), [{ n: 1 }])
})
