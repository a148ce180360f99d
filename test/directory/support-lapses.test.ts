// Support access whose ground is taken away, by whichever way: it ends in the transaction of that change, so that no look
// that comes later decides, and nothing that is brought back brings it back.
import t from 'tap'
import { COMMAND, OPERATOR } from '../../services/identity/src/directory/by-actor.ts'
import { changeUserStatus } from '../../services/identity/src/directory/lock-user.ts'
import { eachEngine, onPostgresql } from '../support/databases.ts'
import {
  claimsOf,
  exchange,
  type IdentityUnderTest,
  IN,
  type Instance,
  makeSysAdmin,
  type Reply,
  signIn,
  startIdentity,
} from '../support/identity.ts'
import { type Ask, askAs, ROOT } from '../support/organizations.ts'
import { ask, UNHURRIED, untilWaiting } from '../support/races.ts'
import { askForSupport, letSupportIn } from '../support/support-access.ts'

t.setTimeout(200_000)

const FRIEND = 'nobody@example.test'
const HERE = { resource: IN, org_id: 'acme' }
const LOCK = { status: 'disabled', reason: 'account_taken_over' } as const

type Given = {
  readonly identity: IdentityUnderTest
  readonly root: string
  readonly rootId: string
  readonly friend: Ask
  readonly ada: string
}

async function start(t: Tap, place: Parameters<typeof startIdentity>[1], instances = 1): Promise<Given> {
  const identity = await startIdentity(t, place, { settings: UNHURRIED, instances })
  await makeSysAdmin(identity)
  await ask(identity, `UPDATE user_account SET platform_role = 'sys_admin' WHERE email = '${FRIEND}'`, [])
  const root = await tokenOf(identity, ROOT)
  const rootId = String((await identity.get('/v1/me', root)).body.user.id)
  const friend = askAs(identity, await tokenOf(identity, FRIEND))
  return { identity, root, rootId, friend, ada: await tokenOf(identity, 'ada@acme.test') }
}

type Tap = Parameters<typeof startIdentity>[0]

async function tokenOf(identity: IdentityUnderTest, email: string): Promise<string> {
  // A notice that waits is not to be taken for the code.
  await identity.mailTo(email)
  return String((await signIn(identity, email)).body['access_token'])
}

type Way = {
  readonly title: string
  readonly end: (given: Given) => Promise<unknown>
  readonly undo?: (given: Given) => Promise<Reply>
  readonly reason: string
}

const WAYS: readonly Way[] = [
  {
    title: 'a dismissal',
    end: ({ friend, rootId }) => friend('DELETE', `/v1/sys-admins/${rootId}`),
    undo: ({ friend }) => friend('POST', '/v1/sys-admins', { email: ROOT, name: 'Root' }),
    reason: 'requester_gone',
  },
  {
    title: 'a lock of the account',
    end: ({ friend, rootId }) => friend('PUT', `/v1/users/${rootId}/status`, LOCK),
    undo: ({ friend, rootId }) => friend('PUT', `/v1/users/${rootId}/status`, { ...LOCK, status: 'active' }),
    reason: 'requester_gone',
  },
  {
    title: 'a lock by command',
    end: ({ identity, rootId }) =>
      changeUserStatus(identity.deps, OPERATOR, { id: rootId, expected: 'any' }, LOCK, COMMAND),
    undo: ({ friend, rootId }) => friend('PUT', `/v1/users/${rootId}/status`, { ...LOCK, status: 'active' }),
    reason: 'requester_gone',
  },
  {
    title: 'the deletion of the own account',
    end: ({ identity, root }) => askAs(identity, root)('DELETE', '/v1/me'),
    reason: 'requester_gone',
  },
  {
    title: 'a suspension of the organization',
    end: ({ friend }) => friend('PUT', '/v1/orgs/acme/status', { status: 'suspended' }),
    undo: ({ friend }) => friend('PUT', '/v1/orgs/acme/status', { status: 'active' }),
    reason: 'organization_closed',
  },
  {
    title: 'the deletion of the organization',
    end: ({ friend }) => friend('DELETE', '/v1/orgs/acme'),
    undo: ({ friend }) => friend('POST', '/v1/orgs/acme/restore'),
    reason: 'organization_closed',
  },
  {
    title: 'the withdrawal of the region',
    end: async ({ identity, friend }) => {
      await makeRegionDispensable(identity)
      return friend('DELETE', '/v1/orgs/acme/regions/in')
    },
    undo: ({ friend }) => friend('PUT', '/v1/orgs/acme/regions/in'),
    reason: 'organization_closed',
  },
]

async function makeRegionDispensable(identity: IdentityUnderTest): Promise<void> {
  await ask(identity, `UPDATE organization SET home_region = 'us' WHERE slug = 'acme'`, [])
  const makeManager = `UPDATE membership SET role = 'manager' WHERE region = 'us' AND org_id =
    (SELECT id FROM organization WHERE slug = 'acme')`
  await ask(identity, makeManager, [])
}

const GRANTS = `SELECT g.id::text, g.status, g.ended_reason, g.version, (SELECT max(r.version) FROM revocation r
    WHERE r.kind = 'membership' AND r.subject = g.id::text AND r.region = 'in') AS told
  FROM support_grant g ORDER BY g.id`

for (const { title, end, undo, reason } of WAYS) {
  await eachEngine(t, `${title} ends support access with it, and for good`, async (t, makePlace) => {
    const given = await start(t, await makePlace('identity'))
    const { identity, root, ada } = given
    await letSupportIn(identity, root, ada)
    const token = (await exchange(identity, root, HERE)).body['access_token']
    t.equal((await askForSupport(identity, root)).status, 201, 'another one waits')
    await identity.mailTo('ada@acme.test')
    await end(given)
    const rows = await ask(identity, GRANTS, [])
    t.match(rows, [
      { status: 'ended', ended_reason: reason },
      { status: 'ended', ended_reason: reason },
    ])
    const [approved] = rows
    t.equal(approved?.['version'], approved?.['told'], 'the region is told')
    t.ok(Number(approved?.['told']) > claimsOf(token)['mv'], 'of a version above the token’s')
    const events = `SELECT count(*)::int AS n FROM audit_event WHERE kind = 'support.ended' AND region = 'in'`
    t.equal((await ask(identity, events, []))[0]?.['n'], 2, 'the organization can read it')
    const mails = (await identity.mailTo('ada@acme.test')).filter(({ subject }) => /has ended/.test(subject))
    t.equal(mails.length, 2, 'its managers are mailed')
    if (undo === undefined) return
    t.equal(String((await undo(given)).status)[0], '2', 'brought back')
    const again = await exchange(identity, await tokenOf(identity, ROOT), HERE)
    t.match(again.body, { error: 'invalid_target' }, 'the access is not')
  })
}

await onPostgresql(
  t,
  'a token that was asked for before a suspension and waits for it gets none',
  async (t, makePlace) => {
    const { identity, root, friend, ada } = await start(t, await makePlace('identity'), 2)
    const grant = await letSupportIn(identity, root, ada)
    const [, other] = identity.instances as [Instance, Instance]
    let suspended: Promise<Reply> | undefined
    let asked: Promise<Reply> | undefined
    await identity.db.begin(async (db) => {
      const text = `SELECT FROM support_grant WHERE id = '${grant}' FOR UPDATE`
      await db.sql({ name: 'hold_grant', text }, [])
      suspended = friend('PUT', '/v1/orgs/acme/status', { status: 'suspended' })
      await untilWaiting(db, 1)
      asked = exchange(other, root, HERE)
      await untilWaiting(db, 2)
    }, {})
    t.equal((await suspended)?.status, 200)
    t.match((await asked)?.body, { error: 'invalid_target' })
  },
)
