// Support access instead of an operator's account in every region: asked for, approved by the organization, time-boxed,
// read-only unless agreed, ended by anybody there; and no token without all of that being true now.
import { regionTokenClaimsSchema } from '@meridian/protocol/access-token'
import { supportGrantSchema } from '@meridian/protocol/support'
import t, { type Test } from 'tap'
import { endOverdueSupport } from '../../services/identity/src/directory/end-overdue-support.ts'
import { eachEngine, embeddedPlace, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import {
  basic,
  claimsOf,
  exchange,
  type IdentityOptions,
  type IdentityUnderTest,
  IN,
  type Instance,
  idempotencyKey,
  makeSysAdmin,
  REGION_SECRETS,
  type Reply,
  refresh,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import { letManagersGo } from '../support/manager-guards.ts'
import { ask, fire, times, UNHURRIED, untilWaiting } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'
import { askForSupport, decideOnSupport, giveBackSupport, letSupportIn } from '../support/support-access.ts'

t.setTimeout(200_000)

const ROOT = 'root@example.test'
const HERE = { resource: IN, org_id: 'acme' }
const NO_TARGET = { status: 400, error: 'invalid_target' }

async function start(t: Test, place?: Place, options: IdentityOptions = {}) {
  const identity = await startIdentity(t, place ?? (await embeddedPlace('identity')), {
    settings: UNHURRIED,
    ...options,
  })
  await makeSysAdmin(identity)
  const tokenOf = async (email: string) => {
    // A notice that waits is not to be taken for the code.
    await identity.mailTo(email)
    return String((await signIn(identity, email)).body['access_token'])
  }
  const root = await tokenOf(ROOT)
  const ada = await tokenOf('ada@acme.test')
  return { identity, tokenOf, root, ada }
}

const run = (identity: IdentityUnderTest, text: string, values: readonly unknown[] = []) => ask(identity, text, values)

async function makeAnotherSysAdmin(identity: IdentityUnderTest): Promise<void> {
  await run(identity, `UPDATE user_account SET platform_role = 'sys_admin' WHERE email = 'nobody@example.test'`)
}

function introspect(identity: IdentityUnderTest, token: unknown): Promise<Reply> {
  return identity.post('/oauth/introspect', { token: String(token) }, basic('region-in', REGION_SECRETS.in))
}

const eventsOf = async (identity: IdentityUnderTest) =>
  (await run(identity, `SELECT kind FROM audit_event WHERE kind LIKE 'support.%' ORDER BY id`)).map(({ kind }) => kind)

await eachEngine(t, 'nobody is let in before a manager of the region approves', async (t, makePlace) => {
  const { identity, root, ada } = await start(t, await makePlace('identity'))
  const refused = (title: string) => refuses(t, identity, title, () => exchange(identity, root, HERE), NO_TARGET)
  await refused('nothing was asked for')
  const asked = await askForSupport(identity, root)
  t.equal(asked.status, 201)
  t.equal(asked.headers['location'], `/v1/support-grants/${asked.body['id']}`)
  t.match(supportGrantSchema.parse(asked.body), { status: 'requested', access: 'read', expires_at: null, region: 'in' })
  await refused('asked for')
  t.equal((await decideOnSupport(identity, ada, 'decline', asked.body['id'])).body['status'], 'declined')
  await refused('declined')
  t.equal((await decideOnSupport(identity, ada, 'approve', asked.body['id'])).status, 409)
  await refused('declined for good')

  const id = await letSupportIn(identity, root, ada)
  t.equal((await decideOnSupport(identity, ada, 'decline', id)).status, 409, 'what is approved is ended, not declined')
  const reply = await exchange(identity, root, HERE)
  t.match(reply.body, { token_type: 'Bearer', issued_token_type: /access_token$/, refresh_token: undefined })
  const claims = regionTokenClaimsSchema.parse(claimsOf(reply.body['access_token']))
  const { user } = (await identity.get('/v1/me', root)).body
  t.match(claims, { sub: id, mid: id, act: { sub: user.id }, role: 'viewer', region: 'in', aud: IN })
  const introspection = (await introspect(identity, reply.body['access_token'])).body
  t.match(introspection, { active: true, sub: id, act: { sub: user.id }, role: 'viewer', exp: claims.exp })
  const { body } = await identity.get(`/v1/support-grants/${id}`, root)
  t.match(body, { status: 'approved', last_used_at: /^20/, requested_by: { id: user.id }, audience: IN })
  const listed = (await identity.get('/v1/orgs/acme/support-grants', ada)).body['support_grants']
  t.strictSame(listed[0], body, 'the organization sees what the sys-admin sees')
  t.strictSame(await eventsOf(identity), [
    ...['support.requested', 'support.declined', 'support.requested', 'support.approved', 'support.token_issued'],
  ])
})

t.test('a support token opens nothing at the centre, and comes by exchange alone', async (t) => {
  const { identity, ada } = await start(t)
  const { body } = await signIn(identity, ROOT)
  const root = String(body['access_token'])
  await letSupportIn(identity, root, ada)
  const { access_token: support } = (await exchange(identity, root, HERE)).body
  for (const url of ['/v1/me', '/v1/support-grants', '/v1/orgs/acme/support-grants', '/oauth/userinfo'])
    t.equal((await identity.get(url, support)).status, 401, url)
  t.equal((await exchange(identity, support, HERE)).body['error'], 'invalid_grant', 'it is no subject token')
  t.equal((await refresh(identity, body['refresh_token'], HERE)).body['error'], 'invalid_target')
  const { contexts } = (await identity.get('/v1/me/contexts', root)).body
  t.strictSame(contexts, [], 'a grant is no membership')
})

t.test('a token never outlives its grant', async (t) => {
  const { identity, root, ada } = await start(t)
  await letSupportIn(identity, root, ada, { duration_seconds: 300 })
  await shiftClock(identity.db, 240)
  const { access_token: token, expires_in: seconds } = (await exchange(identity, root, HERE)).body
  const [{ ends } = {}] = await run(
    identity,
    'SELECT extract(epoch FROM expires_at)::float8 AS ends FROM support_grant',
  )
  t.equal(claimsOf(token)['exp'], Math.floor(Number(ends)))
  t.ok(seconds > 0 && seconds <= 60, `${seconds} s are left`)
  await shiftClock(identity.db, 300)
  await refuses(t, identity, 'its time is up', () => exchange(identity, root, HERE), NO_TARGET)
  t.strictSame((await introspect(identity, token)).body, { active: false })
  const [grant] = (await identity.get('/v1/support-grants', root)).body['support_grants']
  t.match(
    grant,
    { status: 'ended', ended_reason: 'expired', ended_by: null },
    'it is shown as ended before that is noted',
  )
})

t.test('it is for one sys-admin, one organization, one region', async (t) => {
  const { identity, tokenOf, root, ada } = await start(t)
  await makeAnotherSysAdmin(identity)
  const max = await tokenOf('max@globex.test')
  const other = await tokenOf('nobody@example.test')
  await letSupportIn(identity, root, ada)
  await letSupportIn(identity, other, max, { org: 'globex', region: 'us' })
  const inUs = { resource: US, org_id: 'acme' }
  await refuses(t, identity, 'another region', () => exchange(identity, root, inUs), NO_TARGET)
  await letSupportIn(identity, root, ada, { region: 'us' })
  t.equal((await exchange(identity, root, inUs)).status, 200)
  for (const [title, token, target] of [
    ['another organization', root, { resource: US, org_id: 'globex' }],
    ['another sys-admin', other, HERE],
    ['a manager of another organization', max, HERE],
  ] as const) {
    await refuses(t, identity, title, () => exchange(identity, token, target), NO_TARGET)
  }
  const regionsSeenBy = async (token: string, org: string) => {
    const { body } = await identity.get(`/v1/orgs/${org}/support-grants`, token)
    return body['support_grants'].map(
      (grant: { org: { slug: string }; region: string }) => `${grant.org.slug} ${grant.region}`,
    )
  }
  t.strictSame(await regionsSeenBy(ada, 'acme'), ['acme us', 'acme in'])
  t.strictSame(
    await regionsSeenBy(await tokenOf('lin@acme.test'), 'acme'),
    ['acme in'],
    'who is in one region sees that',
  )
  t.strictSame(await regionsSeenBy(max, 'globex'), ['globex us'])
  const own = claimsOf((await exchange(identity, ada, HERE)).body['access_token'])
  t.match(own, { role: 'manager', act: undefined }, 'a member’s own token stays as it was')
  t.equal((await exchange(identity, other, { resource: US, org_id: 'globex' })).status, 200)
})

t.test('of several grants the last one that is good is used', async (t) => {
  const { identity, root, ada } = await start(t)
  const [longest, short, ended] = [
    await letSupportIn(identity, root, ada, { duration_seconds: 3600 }),
    await letSupportIn(identity, root, ada, { duration_seconds: 300 }),
    await letSupportIn(identity, root, ada, { duration_seconds: 3600, access: 'write' }),
  ]
  const used = async () => claimsOf((await exchange(identity, root, HERE)).body['access_token'])['mid']
  t.equal(await used(), ended)
  await decideOnSupport(identity, ada, 'end', ended)
  t.equal(await used(), short)
  await shiftClock(identity.db, 300)
  t.equal(await used(), longest)
})

type Cause = {
  readonly title: string
  readonly end: (given: Awaited<ReturnType<typeof start>>, id: string) => Promise<unknown>
  readonly undo?: string
  readonly reason: string
}

const CAUSES: readonly Cause[] = [
  {
    title: 'a manager',
    end: ({ identity, ada }, id) => decideOnSupport(identity, ada, 'end', id),
    reason: 'organization',
  },
  {
    title: 'a plain member',
    end: async ({ identity, tokenOf }, id) => decideOnSupport(identity, await tokenOf('lin@acme.test'), 'end', id),
    reason: 'organization',
  },
  { title: 'the sys-admin', end: ({ identity, root }, id) => giveBackSupport(identity, root, id), reason: 'platform' },
  {
    title: 'the suspension of the organization',
    end: ({ identity }) => run(identity, `UPDATE organization SET status = 'suspended' WHERE slug = 'acme'`),
    undo: `UPDATE organization SET status = 'active' WHERE slug = 'acme'`,
    reason: 'organization_closed',
  },
  {
    title: 'the withdrawal of the region',
    end: async ({ identity }) => {
      await letManagersGo(identity)
      await run(identity, `UPDATE organization_region SET status = 'withdrawn' WHERE region = 'in'`)
    },
    undo: `UPDATE organization_region SET status = 'active' WHERE region = 'in'`,
    reason: 'organization_closed',
  },
  {
    title: 'the dismissal of the sys-admin',
    end: async ({ identity }) => {
      await makeAnotherSysAdmin(identity)
      await run(identity, `UPDATE user_account SET platform_role = NULL WHERE email = '${ROOT}'`)
    },
    undo: `UPDATE user_account SET platform_role = 'sys_admin' WHERE email = '${ROOT}'`,
    reason: 'requester_gone',
  },
]

for (const { title, end, undo, reason } of CAUSES) {
  t.test(`${title} ends it at once and for good`, async (t) => {
    const given = await start(t)
    const { identity, root, ada } = given
    const id = await letSupportIn(identity, root, ada)
    const token = (await exchange(identity, root, HERE)).body['access_token']
    await end(given, id)
    t.not((await exchange(identity, root, HERE)).status, 200, 'no token any more')
    t.strictSame((await introspect(identity, token)).body, { active: false })
    await endOverdueSupport(identity.deps)
    const [row] = await run(
      identity,
      `SELECT g.status, g.ended_reason, g.version, (SELECT max(r.version) FROM revocation r
        WHERE r.kind = 'membership' AND r.subject = g.id::text AND r.region = 'in') AS told
        FROM support_grant g`,
    )
    t.match(row, { status: 'ended', ended_reason: reason })
    t.ok(row?.['version'] === row?.['told'] && Number(row?.['told']) > claimsOf(token)['mv'], 'the region is told')
    t.equal((await eventsOf(identity)).filter((kind) => kind === 'support.ended').length, 1)
    t.equal((await identity.mailTo('ada@acme.test')).filter(({ subject }) => /has ended/.test(subject)).length, 1)
    if (undo !== undefined) await run(identity, undo)
    t.not((await exchange(identity, root, HERE)).status, 200, 'it does not come back')
  })
}

t.test('who is locked out, and whose session is over, is nobody here either', async (t) => {
  const { identity, tokenOf, root, ada } = await start(t)
  await makeAnotherSysAdmin(identity)
  await letSupportIn(identity, root, ada)
  const token = (await exchange(identity, root, HERE)).body['access_token']
  await run(
    identity,
    `UPDATE session SET revoked_at = meridian_now(), revoked_reason = 'signed_out'
    WHERE user_id = (SELECT id FROM user_account WHERE email = '${ROOT}')`,
  )
  t.equal((await exchange(identity, root, HERE)).body['error'], 'invalid_grant', 'the session is over')
  t.strictSame((await introspect(identity, token)).body, { active: false })
  const again = await tokenOf(ROOT)
  t.equal((await exchange(identity, again, HERE)).status, 200, 'the grant was not')
  await run(
    identity,
    `UPDATE user_account SET status = 'disabled', disabled_at = meridian_now() WHERE email = '${ROOT}'`,
  )
  t.equal((await exchange(identity, again, HERE)).body['error'], 'invalid_grant')
  await endOverdueSupport(identity.deps)
  const [row] = await run(identity, 'SELECT ended_reason FROM support_grant')
  t.equal(row?.['ended_reason'], 'requester_gone')
})

t.test('an approval gives what was asked for or less, and never a manager', async (t) => {
  const { identity, root, ada } = await start(t)
  const asked = (await askForSupport(identity, root, { access: 'read', duration_seconds: 600 })).body['id']
  for (const more of [{ access: 'write' }, { duration_seconds: 601 }, { access: 'manage' }, { role: 'manager' }]) {
    const refused = { status: 400, error: 'invalid_request' }
    const title = JSON.stringify(more)
    await refuses(t, identity, title, () => decideOnSupport(identity, ada, 'approve', asked, more), refused)
  }
  await giveBackSupport(identity, root, asked)
  for (const [wish, role] of [
    [{ access: 'write' }, 'member'],
    [{ access: 'read', duration_seconds: 300 }, 'viewer'],
  ] as const) {
    const { id } = (await askForSupport(identity, root, { access: 'write', duration_seconds: 600 })).body
    const approved = await decideOnSupport(identity, ada, 'approve', id, wish)
    t.match(approved.body, { access: wish.access, duration_seconds: 'duration_seconds' in wish ? 300 : 600 })
    t.equal(claimsOf((await exchange(identity, root, HERE)).body['access_token'])['role'], role)
  }
  for (const wish of [{ duration_seconds: 14_401 }, { duration_seconds: 299 }, { access: 'manage' }, { reason: ' ' }])
    t.equal((await askForSupport(identity, root, wish)).status, 400, JSON.stringify(wish))
})

t.test('only managers of the region decide; who is elsewhere sees nothing of it', async (t) => {
  const { identity, tokenOf, root } = await start(t)
  const [lin, sam, max] = [
    await tokenOf('lin@acme.test'),
    await tokenOf('sam@both.test'),
    await tokenOf('max@globex.test'),
  ]
  const { id } = (await askForSupport(identity, root)).body
  const denied = { status: 403, error: 'access_denied' }
  for (const step of ['approve', 'decline'] as const) {
    await refuses(t, identity, `a member: ${step}`, () => decideOnSupport(identity, lin, step, id), denied)
    await refuses(t, identity, `the sys-admin: ${step}`, () => decideOnSupport(identity, root, step, id), denied)
    await refuses(t, identity, `elsewhere: ${step}`, () => decideOnSupport(identity, max, step, id), denied)
    const unknown = { status: 404, error: 'not_found' }
    const fromGlobex = () => decideOnSupport(identity, max, step, id, { org: 'globex' })
    await refuses(t, identity, `through another organization: ${step}`, fromGlobex, unknown)
  }
  const conflict = { status: 409, error: 'conflict' }
  await refuses(t, identity, 'before it began', () => decideOnSupport(identity, lin, 'end', id), conflict)
  const listed = async (token: string, org: string) =>
    (await identity.get(`/v1/orgs/${org}/support-grants`, token)).body['support_grants']?.length
  t.equal(await listed(sam, 'acme'), 1, 'a member there sees it')
  t.equal(await listed(sam, 'globex'), 0)
  t.equal(await listed(max, 'acme'), undefined)
  const setMembership = (email: string, region: string, change: string) =>
    run(
      identity,
      `UPDATE membership m SET ${change} FROM user_account u
        WHERE u.id = m.user_id AND u.email = $1::text AND m.region = $2::text`,
      [email, region],
    )
  await setMembership('sam@both.test', 'in', `role = 'manager'`)
  await setMembership('ada@acme.test', 'us', `role = 'manager'`)
  const elsewhere = await tokenOf('ada@acme.test')
  const decide = () => decideOnSupport(identity, elsewhere, 'approve', id)
  await setMembership('ada@acme.test', 'in', `role = 'viewer'`)
  await refuses(t, identity, 'a manager of another region who is a viewer here', decide, denied)
  await setMembership('ada@acme.test', 'in', `status = 'removed'`)
  const notFound = { status: 404, error: 'not_found' }
  await refuses(t, identity, 'a manager of another region', decide, notFound)
  const seen = (await identity.get('/v1/orgs/acme/support-grants', elsewhere)).body['support_grants']
  t.strictSame(seen, [], 'nor do they see it')
  t.equal((await decideOnSupport(identity, sam, 'approve', id)).status, 200)
})

t.test('an old sign-in approves nothing and asks for nothing, but may turn down and end', async (t) => {
  const { identity, root, ada } = await start(t, undefined, { settings: { ...UNHURRIED, stepUpMaxAgeSeconds: 300 } })
  const approved = await letSupportIn(identity, root, ada)
  const { id } = (await askForSupport(identity, root)).body
  await shiftClock(identity.db, 400)
  const stale = { status: 401, error: 'insufficient_user_authentication' }
  await refuses(t, identity, 'approving', () => decideOnSupport(identity, ada, 'approve', id), stale)
  await refuses(t, identity, 'asking', () => askForSupport(identity, root), stale)
  await refuses(t, identity, 'giving back', () => giveBackSupport(identity, root, approved), stale)
  t.equal((await decideOnSupport(identity, ada, 'decline', id)).status, 200)
  t.equal((await decideOnSupport(identity, ada, 'end', approved)).status, 200)
})

t.test('the managers of the organization are mailed, all of them and nobody else', async (t) => {
  const { identity, root, ada } = await start(t)
  await run(
    identity,
    `UPDATE membership m SET role = 'manager' FROM user_account u, organization o
      WHERE u.id = m.user_id AND u.email = 'sam@both.test' AND o.id = m.org_id AND o.slug = 'acme'`,
  )
  await letSupportIn(identity, root, ada, { reason: 'Ticket <b>4711</b>' })
  for (const to of ['ada@acme.test', 'sam@both.test']) {
    const mails = (await identity.mailTo(to)).filter(({ subject }) => /support/i.test(subject))
    const subjects = mails.map(({ subject }) => subject).sort()
    t.match(subjects, [/asks for access to Acme/, /has access to Acme/], to)
    for (const { text, html } of mails) {
      t.match(text, 'for reading alone, for 60 minutes')
      t.notMatch(text, /https?:|\b[0-9]{6}\b/, 'no link, no credential')
      t.notMatch(html, /href|<b>4711/, 'no link, no markup of others')
    }
  }
  for (const to of ['lin@acme.test', 'max@globex.test', ROOT])
    t.strictSame(
      (await identity.mailTo(to)).filter(({ subject }) => /access to/i.test(subject)),
      [],
      to,
    )
})

t.test('a request is made once a key, one waits at a time, and it lapses', async (t) => {
  const { identity, tokenOf, root } = await start(t)
  const headers = { authorization: `Bearer ${root}`, 'idempotency-key': idempotencyKey() }
  const payload = { org: 'ACME', region: 'in', reason: 'Ticket 1', duration_seconds: 600 }
  const again = () => identity.inject({ method: 'POST', url: '/v1/support-grants', headers, payload })
  const first = await again()
  t.strictSame((await again()).body, first.body)
  t.equal((await askForSupport(identity, root)).status, 409)
  t.equal((await askForSupport(identity, root, { region: 'us' })).status, 201, 'elsewhere it is another')
  for (const [wish, status] of [
    [{ org: 'nowhere' }, 404],
    [{ region: 'mars' }, 422],
    [{ org: 'globex', region: 'in' }, 422],
  ] as const)
    t.equal((await askForSupport(identity, root, wish)).status, status, JSON.stringify(wish))
  await run(
    identity,
    `UPDATE organization_region SET status = 'withdrawn' WHERE region = 'us' AND org_id = (SELECT id FROM organization WHERE slug = 'acme')`,
  )
  t.equal((await askForSupport(identity, root, { region: 'us' })).status, 422, 'a region that was withdrawn')
  await run(identity, `UPDATE organization SET status = 'suspended' WHERE slug = 'acme'`)
  const closed = await refuses(t, identity, 'an organization that is closed', () => askForSupport(identity, root), {
    status: 409,
    error: 'conflict',
  })
  t.match(closed.body['detail'], 'open it first')
  await run(identity, `UPDATE organization SET status = 'active' WHERE slug = 'acme'`)
  await shiftClock(identity.db, 7 * 86_400)
  const [ada2, root2] = [await tokenOf('ada@acme.test'), await tokenOf(ROOT)]
  t.equal((await decideOnSupport(identity, ada2, 'approve', first.body['id'])).status, 409, 'nobody decided in time')
  t.equal(await endOverdueSupport(identity.deps), 2, 'one for time, one for its region')
  t.equal((await askForSupport(identity, root2)).status, 201)
})

await onPostgresql(
  t,
  'of many decisions at once one stands, and an end is later than every token',
  async (t, makePlace) => {
    const place = await makePlace('identity')
    const { identity, root, ada } = await start(t, place, { instances: 2 })
    const { id } = (await askForSupport(identity, root)).body
    const decisions = await fire(identity, [
      ...times(8, (instance) => decideOnSupport(instance, ada, 'approve', id)),
      ...times(8, (instance) => decideOnSupport(instance, ada, 'decline', id)),
    ])
    t.equal(decisions.filter(({ status }) => status === 200).length, 1)
    t.ok(decisions.every(({ status }) => [200, 409, 503].includes(status)))
    const waiting = await fire(
      identity,
      times(8, (instance) => askForSupport(instance, root, { region: 'us' })),
    )
    t.equal(waiting.filter(({ status }) => status === 201).length, 1, 'one request waits at a time')

    const grant = await letSupportIn(identity, root, ada)
    const replies = await fire(identity, [
      ...times(6, (instance) => exchange(instance, root, HERE)),
      (instance) => decideOnSupport(instance, ada, 'end', grant),
      ...times(6, (instance) => exchange(instance, root, HERE)),
    ])
    const [told] = await run(identity, `SELECT max(version) AS version FROM revocation WHERE subject = $1::text`, [
      grant,
    ])
    for (const { status, body } of replies.filter(({ body }) => body['access_token'] !== undefined)) {
      t.equal(status, 200)
      const claims = claimsOf(body['access_token'])
      if (claims['mid'] === grant)
        t.ok(claims['mv'] < Number(told?.['version']), 'the region refuses what was given before')
    }
    t.equal(
      (await exchange(identity, root, HERE)).status,
      decisions.some(({ body }) => body['status'] === 'approved') ? 200 : 400,
    )
  },
)

await onPostgresql(t, 'a token that waits for an end gets none', async (t, makePlace) => {
  const { identity, root, ada } = await start(t, await makePlace('identity'), { instances: 2 })
  const grant = await letSupportIn(identity, root, ada)
  const [, two] = identity.instances as [Instance, Instance]
  let asked: Promise<Reply> | undefined
  await identity.db.begin(async (db) => {
    const ask = (name: string, text: string) => db.sql({ name, text }, [])
    const end = `UPDATE support_grant SET status = 'ended', ended_at = meridian_now(), ended_reason = 'organization'`
    await ask('held_end', `${end} WHERE id = '${grant}'`)
    asked = exchange(two, root, HERE)
    await untilWaiting(db, 1)
  }, {})
  t.match((await asked)?.body, { error: 'invalid_target' })
})
