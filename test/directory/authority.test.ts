// ARCHITECTURE, "Authority": who may act where, for every way in which people can stand in an organization.

import { withTransaction } from '@meridian/database/transaction'
import { type Permission, permissionSchema } from '@meridian/protocol/roles'
import t from 'tap'
import { requireAuthority, requireAuthorityToChange } from '../../services/identity/src/directory/authority.ts'
import { Refusal } from '../../services/identity/src/refusal.ts'
import { eachEngine, onPostgresql } from '../support/databases.ts'
import { type IdentityUnderTest, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'

/** ada manages acme in `in` and is a viewer in `us`; lin is a member in `in`, sam too; max manages globex. */
async function personOf(identity: IdentityUnderTest, email: string): Promise<{ userId: string }> {
  const [row] = await ask(identity, 'SELECT id::text FROM user_account WHERE email = $1', [email])
  return { userId: String(row?.['id']) }
}

async function answerOf(
  identity: IdentityUnderTest,
  email: string,
  org: string,
  permission: Permission,
  region?: string,
): Promise<string> {
  const person = await personOf(identity, email)
  const attempts = [
    () => requireAuthority(identity.db, person, org, permission, region),
    () => withTransaction(identity.db, (db) => requireAuthorityToChange(db, person, org, permission, region)),
  ]
  const answers = await Promise.all(
    attempts.map((attempt) =>
      attempt().then(
        ({ slug }) => slug as string,
        (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
      ),
    ),
  )
  return [...new Set(answers)].join(' or ')
}

await eachEngine(t, 'a role counts where it is held', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const all = async (email: string, region?: string) => {
    const allowed: Permission[] = []
    for (const permission of permissionSchema.options) {
      const answer = await answerOf(identity, email, 'acme', permission, region)
      if (answer === 'acme') allowed.push(permission)
      else if (answer !== 'access_denied') t.fail(`${email} ${permission}: ${answer}`)
    }
    return allowed.join(' ')
  }
  const everything = permissionSchema.options.join(' ')
  const memberOnly = 'records:read records:write organization:read'
  t.equal(await all('ada@acme.test', 'in'), everything)
  t.equal(await all('ada@acme.test'), everything, 'what concerns the whole organization needs a manager anywhere')
  t.equal(await all('ada@acme.test', 'us'), everything, 'nobody manages `us`, so that a manager of `in` does')
  t.equal(await all('ada@acme.test', 'mars'), '', 'there is no such region')
  t.equal(await all('lin@acme.test', 'in'), memberOnly)
  t.equal(await all('lin@acme.test', 'us'), '', 'a member is not one everywhere')
  t.equal(await all('lin@acme.test'), memberOnly)
  t.equal(await all('max@globex.test', 'us'), '', 'a manager of another organization')
  t.equal(await all('nobody@example.test'), '')

  await ask(
    identity,
    `UPDATE membership m SET role = 'manager' FROM user_account u, organization o
    WHERE u.id = m.user_id AND u.email = 'sam@both.test' AND o.id = m.org_id AND o.slug = 'acme'`,
  )
  await ask(
    identity,
    `UPDATE membership m SET role = 'member' FROM user_account u
    WHERE u.id = m.user_id AND u.email = 'ada@acme.test' AND m.region = 'us'`,
  )
  await ask(
    identity,
    `INSERT INTO membership (id, user_id, org_id, region, role)
    SELECT '01980000-0000-7000-8000-000000000001', u.id, o.id, 'us', 'manager' FROM user_account u, organization o
    WHERE u.email = 'lin@acme.test' AND o.slug = 'acme'`,
  )
  t.equal(await all('ada@acme.test', 'us'), memberOnly, 'once `us` has a manager, those of `in` have no say there')
  t.equal(await all('sam@both.test', 'us'), '')
  t.equal(await all('lin@acme.test', 'us'), everything)
  await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE email = 'lin@acme.test'`)
  t.equal(await all('lin@acme.test', 'us'), '', 'a locked manager has none')
  t.equal(await all('sam@both.test', 'us'), everything, 'and manages nothing: others step in')
})

await eachEngine(t, 'no authority in what is closed, and the names of an organization', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const ada = (org = 'acme', region?: string) => answerOf(identity, 'ada@acme.test', org, 'members:write', region)
  const [row] = await ask(identity, `SELECT id::text FROM organization WHERE slug = 'acme'`)
  const id = String(row?.['id'])
  t.equal(await ada(id), 'acme')
  t.equal(await ada(id.toUpperCase()), 'acme')
  t.equal(await ada('ACME'), 'acme')
  for (const name of ['globex', 'nobody-has-this', '', '01980000-0000-7000-8000-000000000001', 'acme%'])
    t.equal(await ada(name), 'access_denied', name)
  await ask(
    identity,
    `INSERT INTO slug_alias (slug, org_id, kept_until)
    VALUES ('old-acme', $1::uuid, meridian_now() + interval '1 day'), ('older', $1::uuid, meridian_now())`,
    [id],
  )
  t.equal(await ada('old-acme'), 'acme', 'an old slug leads to it')
  t.equal(await ada('older'), 'access_denied', 'until it is kept no longer')

  const setStatus = (status: string) =>
    ask(
      identity,
      `UPDATE organization SET status = $1, deleted_at = CASE WHEN $1 = 'deleted' THEN meridian_now() END`,
      [status],
    )
  for (const [status, answer] of [
    ['maintenance', 'acme'],
    ['suspended', 'access_denied'],
    ['deleted', 'access_denied'],
    ['active', 'acme'],
  ] as const) {
    await setStatus(status)
    t.equal(await ada(), answer, status)
  }
  await ask(
    identity,
    `INSERT INTO membership (id, user_id, org_id, region, role)
      SELECT '01980000-0000-7000-8000-000000000002', u.id, o.id, 'us', 'manager' FROM user_account u, organization o
      WHERE u.email = 'sam@both.test' AND o.slug = 'acme'`,
  )
  await ask(identity, `UPDATE organization_region SET status = 'withdrawn' WHERE region = 'in'`)
  t.equal(await ada('acme', 'in'), 'access_denied', 'the organization is there no longer')
  t.equal(await ada(), 'access_denied', 'and a role held there counts for nothing')
})

await onPostgresql(t, 'whoever may not act waits for nobody who does', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const max = await personOf(identity, 'max@globex.test')
  const held = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const holding = withTransaction(identity.db, async (db) => {
    await db.sql({ name: 'hold_acme', text: `SELECT id FROM organization WHERE slug = 'acme' FOR NO KEY UPDATE` }, [])
    held.resolve()
    await release.promise
  })
  await held.promise
  const attempt = withTransaction(identity.db, (db) => requireAuthorityToChange(db, max, 'acme', 'members:write'))
  await t.rejects(attempt, { code: 'access_denied' }, 'while the organization is locked, as for one that is not there')
  release.resolve()
  await holding
})
