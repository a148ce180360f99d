// P14 and P17 of the security cases where many act at once, on PostgreSQL: managers demote, suspend, remove and leave,
// accounts are deleted and locked, while everybody asks for tokens. Somebody always manages, and no token ever says more
// than the membership that it names by id and version. FAST_CHECK_SEED replays the choices.
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { directoryDocumentSchema, importDirectory } from '../../../services/identity/src/directory/import-directory.ts'
import { onPostgresql, type Place } from '../../support/databases.ts'
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
} from '../../support/identity.ts'
import { propertySeed } from '../../support/property-seed.ts'
import { ask, type Call, fire, UNHURRIED } from '../../support/races.ts'

t.setTimeout(280_000)

const ROUNDS = Number(process.env['PROPERTY_RUNS'] ?? 3)
const CALLS = 40
const PEOPLE = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@initech.test`)
const MANAGERS = 3

const DIRECTORY = directoryDocumentSchema.parse({
  organizations: [
    {
      slug: 'initech',
      name: 'Initech',
      primary_contact: { name: 'Peter', email: 'peter@initech.test' },
      regions: ['in'],
    },
  ],
  people: PEOPLE.map((email, index) => ({
    email,
    name: email,
    memberships: [{ org: 'initech', region: 'in', role: index < MANAGERS ? 'manager' : 'member' }],
  })),
})

/** Every state that a membership has had, as the database saw it. */
const KEEP_HISTORY = [
  `CREATE TABLE membership_history AS SELECT id, version, role, status FROM membership`,
  `CREATE FUNCTION note_membership() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO membership_history VALUES (NEW.id, NEW.version, NEW.role, NEW.status); RETURN NULL; END $$`,
  `CREATE TRIGGER membership_note AFTER UPDATE ON membership FOR EACH ROW EXECUTE FUNCTION note_membership()`,
]

type Member = { readonly membership: string; readonly user: string; readonly token: string }

async function startRound(t: Test, place: Place) {
  const identity = await startIdentity(t, place, { settings: UNHURRIED, instances: 2, withPeople: false })
  await importDirectory(identity.deps, DIRECTORY)
  await makeSysAdmin(identity)
  for (const text of KEEP_HISTORY) await ask(identity, text)
  const members: Member[] = []
  for (const email of PEOPLE) {
    const [row] = await ask(
      identity,
      'SELECT m.id::text AS membership, u.id::text AS user FROM membership m JOIN user_account u ON u.id = m.user_id WHERE u.email = $1::text',
      [email],
    )
    const { membership, user } = row as Record<string, string>
    const token = String((await signIn(identity, email)).body['access_token'])
    members.push({ membership: String(membership), user: String(user), token })
  }
  const root = String((await signIn(identity, 'root@example.test')).body['access_token'])
  return { identity, members, root }
}

type Round = Awaited<ReturnType<typeof startRound>>

const choice = fc.record({
  kind: fc.constantFrom(...(['change', 'change', 'change', 'remove', 'leave', 'delete', 'lock', 'token'] as const)),
  who: fc.nat(PEOPLE.length - 1),
  whom: fc.nat(PEOPLE.length - 1),
  change: fc.constantFrom(
    ...[{ role: 'member' }, { role: 'viewer' }, { role: 'manager' }, { status: 'suspended' }, { status: 'active' }],
  ),
})
type Choice = typeof choice extends fc.Arbitrary<infer T> ? T : never

function callOf({ members, root }: Round, { kind, who, whom, change }: Choice): Call {
  const [actor, object] = [members[who] as Member, members[whom] as Member]
  const send = (instance: Instance, method: string, url: string, token: string, payload?: object) =>
    instance.inject({
      method: method as 'GET',
      url,
      headers: { authorization: `Bearer ${token}`, 'if-match': '*' },
      ...(payload === undefined ? {} : { payload }),
    })
  const member = `/v1/orgs/initech/members/${object.membership}`
  const calls: Readonly<Record<Choice['kind'], Call>> = {
    change: (instance) => send(instance, 'PATCH', member, actor.token, change),
    remove: (instance) => send(instance, 'DELETE', member, actor.token),
    leave: (instance) => send(instance, 'DELETE', `/v1/me/memberships/${actor.membership}`, actor.token),
    delete: (instance) => send(instance, 'DELETE', '/v1/me', actor.token),
    lock: (instance) =>
      send(instance, 'PUT', `/v1/users/${object.user}/status`, root, { status: 'disabled', reason: 'abuse' }),
    token: (instance) => exchange(instance, actor.token, { resource: IN, org_id: 'initech' }),
  }
  return calls[kind]
}

const tokenFor = (instance: Pick<Instance, 'post'>, { token }: Member) =>
  exchange(instance, token, { resource: IN, org_id: 'initech' })

async function vouchesForNoMore(t: Test, identity: IdentityUnderTest, replies: readonly Reply[]): Promise<number> {
  const tokens = replies.map(({ body }) => body['access_token']).filter((token) => token !== undefined)
  for (const { mid, mv, role } of tokens.map(claimsOf)) {
    const [was] = await ask(
      identity,
      'SELECT role, status FROM membership_history WHERE id = $1::uuid AND version = $2::integer',
      [mid, mv],
    )
    t.strictSame(was, { role, status: 'active' }, 'the token says what the membership was in that version')
  }
  return tokens.length
}

await onPostgresql(t, 'somebody manages, and no token says more than its membership', async (t, makePlace) => {
  const seed = propertySeed()
  t.comment(`seed ${seed}`)
  const rounds = fc.sample(fc.array(choice, { minLength: CALLS, maxLength: CALLS }), { seed, numRuns: ROUNDS })
  for (const choices of rounds) {
    const round = await startRound(t, await makePlace('identity'))
    const { identity, members } = round
    const asking = members.flatMap((member): Call[] => [1, 2].map(() => (instance) => tokenFor(instance, member)))
    const replies = await fire(identity, [...choices.map((one) => callOf(round, one)), ...asking])
    const failed = replies.filter(({ status }) => status >= 500 && status !== 503)
    t.strictSame(failed, [], 'nothing fails')
    const [row] = await ask(
      identity,
      `SELECT has_active_manager(id) AS managed FROM organization WHERE slug = 'initech'`,
    )
    t.equal(row?.['managed'], true, 'somebody manages')
    await vouchesForNoMore(t, identity, replies)
    const after = await Promise.all(members.map((member) => tokenFor(identity, member)))
    for (const [index, { body }] of after.entries()) {
      const [now] = await ask(
        identity,
        `SELECT m.role, m.version, m.status = 'active' AND u.status = 'active' AS admitted
          FROM membership m JOIN user_account u ON u.id = m.user_id WHERE m.id = $1::uuid`,
        [members[index]?.membership],
      )
      if (body['access_token'] === undefined) t.notOk(now?.['admitted'], 'only who is not admitted gets none')
      else t.match(claimsOf(body['access_token']), { role: now?.['role'], mv: now?.['version'] }, 'as it is now')
    }
    await identity.close()
  }
})
