// Whoever changes what a region may see writes down that it changed, in the same transaction: each table, each way.

import { randomBytes } from 'node:crypto'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import t from 'tap'
import { type IdentityDatabase, openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { eachEngine } from '../support/databases.ts'
import { ask } from '../support/races.ts'
import { listUntold } from '../support/untold.ts'

const makeId = createUuidV7({ now: Date.now, randomBytes })

type Step = {
  readonly does: string
  readonly with?: readonly string[]
  /** `region kind`, with a minus where it is gone; in the order in which it is written. */
  readonly tells: readonly string[]
}

const SEES = 'in organization'
const steps = (
  id: Readonly<Record<'ada' | 'lin' | 'acme' | 'here' | 'there' | 'second' | 'domain', string>>,
): readonly Step[] => [
  {
    does: `INSERT INTO user_account (id, email, name) VALUES ($1::uuid, 'ada@t.test', 'Ada')`,
    with: [id.ada],
    tells: [],
  },
  {
    does: `INSERT INTO user_account (id, email, name) VALUES ($1::uuid, 'lin@t.test', 'Lin')`,
    with: [id.lin],
    tells: [],
  },
  {
    does: `INSERT INTO organization (id, slug, name, primary_contact_name, primary_contact_email) VALUES ($1::uuid, 'acme', 'A', 'C', 'c@t.test')`,
    with: [id.acme],
    tells: [],
  },
  {
    does: `INSERT INTO organization_region (org_id, region) VALUES ($1::uuid, 'in')`,
    with: [id.acme],
    tells: [SEES, 'in entitlements'],
  },
  {
    does: `INSERT INTO organization_region (org_id, region) VALUES ($1::uuid, 'us')`,
    with: [id.acme],
    tells: ['us organization', 'us entitlements'],
  },
  {
    does: `INSERT INTO membership (id, user_id, org_id, region, role) VALUES ($1::uuid, $2::uuid, $3::uuid, 'in', 'manager')`,
    with: [id.here, id.ada, id.acme],
    tells: ['in membership', 'in user'],
  },
  {
    does: `INSERT INTO membership (id, user_id, org_id, region, role) VALUES ($1::uuid, $2::uuid, $3::uuid, 'us', 'member')`,
    with: [id.there, id.ada, id.acme],
    tells: ['us membership', 'us user'],
  },
  { does: `UPDATE user_account SET name = 'Ada L' WHERE id = $1::uuid`, with: [id.ada], tells: ['in user', 'us user'] },
  {
    does: `UPDATE user_account SET email = 'al@t.test' WHERE id = $1::uuid`,
    with: [id.ada],
    tells: ['in user', 'us user'],
  },
  { does: `UPDATE user_account SET phone = '+15550100' WHERE id = $1::uuid`, with: [id.ada], tells: [] },
  { does: `UPDATE user_account SET name = name WHERE id = $1::uuid`, with: [id.ada], tells: [] },
  { does: `UPDATE user_account SET name = 'Lin L' WHERE id = $1::uuid`, with: [id.lin], tells: [] },
  { does: `UPDATE membership SET role = 'viewer' WHERE id = $1::uuid`, with: [id.there], tells: ['us membership'] },
  { does: `UPDATE membership SET display_name = 'A.' WHERE id = $1::uuid`, with: [id.there], tells: ['us membership'] },
  {
    does: `UPDATE membership SET status = 'suspended' WHERE id = $1::uuid`,
    with: [id.there],
    tells: ['us membership'],
  },
  {
    does: `UPDATE membership SET status = 'removed' WHERE id = $1::uuid`,
    with: [id.there],
    tells: ['us membership -', 'us user -'],
  },
  { does: `UPDATE membership SET display_name = NULL WHERE id = $1::uuid`, with: [id.there], tells: [] },
  {
    does: `UPDATE membership SET status = 'active' WHERE id = $1::uuid`,
    with: [id.there],
    tells: ['us membership', 'us user'],
  },
  { does: `DELETE FROM membership WHERE id = $1::uuid`, with: [id.there], tells: ['us membership -', 'us user -'] },
  { does: `UPDATE user_account SET status = 'disabled' WHERE id = $1::uuid`, with: [id.lin], tells: [] },
  { does: `UPDATE user_account SET status = 'active' WHERE id = $1::uuid`, with: [id.lin], tells: [] },
  {
    does: `INSERT INTO membership (id, user_id, org_id, region, role) VALUES ($1::uuid, $2::uuid, $3::uuid, 'in', 'member')`,
    with: [id.second, id.lin, id.acme],
    tells: ['in membership', 'in user'],
  },
  { does: `UPDATE user_account SET status = 'disabled' WHERE id = $1::uuid`, with: [id.lin], tells: ['in user'] },
  { does: `UPDATE organization SET name = 'B' WHERE id = $1::uuid`, with: [id.acme], tells: [SEES, 'us organization'] },
  { does: `UPDATE organization SET slug = 'b' WHERE id = $1::uuid`, with: [id.acme], tells: [SEES, 'us organization'] },
  {
    does: `UPDATE organization SET settings = '{"locale": "en"}' WHERE id = $1::uuid`,
    with: [id.acme],
    tells: [SEES, 'us organization'],
  },
  {
    does: `UPDATE organization SET subscription_tier = 'free' WHERE id = $1::uuid`,
    with: [id.acme],
    tells: [SEES, 'us organization'],
  },
  { does: `UPDATE organization SET primary_contact_name = 'D' WHERE id = $1::uuid`, with: [id.acme], tells: [] },
  {
    does: `UPDATE organization SET status = 'suspended' WHERE id = $1::uuid`,
    with: [id.acme],
    tells: [SEES, 'us organization'],
  },
  {
    does: `UPDATE organization_region SET status = 'withdrawn' WHERE org_id = $1::uuid AND region = 'us'`,
    with: [id.acme],
    tells: ['us organization', 'us entitlements'],
  },
  {
    does: `INSERT INTO entitlement (org_id, module) VALUES ($1::uuid, 'crm')`,
    with: [id.acme],
    tells: ['in entitlements', 'us entitlements'],
  },
  {
    does: `UPDATE entitlement SET enabled = false WHERE org_id = $1::uuid`,
    with: [id.acme],
    tells: ['in entitlements', 'us entitlements'],
  },
  { does: `UPDATE entitlement SET enabled = false WHERE org_id = $1::uuid`, with: [id.acme], tells: [] },
  {
    does: `DELETE FROM entitlement WHERE org_id = $1::uuid`,
    with: [id.acme],
    tells: ['in entitlements', 'us entitlements'],
  },
  {
    does: `DELETE FROM organization_region WHERE org_id = $1::uuid AND region = 'us'`,
    with: [id.acme],
    tells: ['us organization -', 'us entitlements -'],
  },
  {
    does: `INSERT INTO organization_domain (id, org_id, region, domain, verification) VALUES ($1::uuid, $2::uuid, 'in', 'a.test', 'v')`,
    with: [id.domain, id.acme],
    tells: [],
  },
  {
    does: `UPDATE organization_domain SET status = 'active', verified_at = meridian_now() WHERE id = $1::uuid`,
    with: [id.domain],
    tells: ['in domain'],
  },
  {
    does: `UPDATE organization_domain SET is_primary = true WHERE id = $1::uuid`,
    with: [id.domain],
    tells: ['in domain'],
  },
  {
    does: `UPDATE organization_domain SET last_checked_at = meridian_now() WHERE id = $1::uuid`,
    with: [id.domain],
    tells: [],
  },
  {
    does: `UPDATE organization_domain SET status = 'released', released_at = meridian_now() WHERE id = $1::uuid`,
    with: [id.domain],
    tells: ['in domain -'],
  },
  { does: `DELETE FROM organization_domain WHERE id = $1::uuid`, with: [id.domain], tells: [] },
  {
    does: `INSERT INTO client (id, name, auth_method, allowed_origins, allowed_resources) VALUES ('web', 'W', 'none', '{https://w.test}', '{https://in}')`,
    tells: ['in client'],
  },
  {
    does: `INSERT INTO client (id, name, auth_method, allowed_resources) VALUES ('app', 'A', 'none', '{*}')`,
    tells: [],
  },
  { does: `UPDATE client SET name = 'X'`, tells: [] },
  {
    does: `UPDATE client SET allowed_resources = '{https://us}' WHERE id = 'web'`,
    tells: ['in client -', 'us client'],
  },
  {
    does: `UPDATE client SET allowed_origins = '{https://w.test,https://v.test}' WHERE id = 'web'`,
    tells: ['us client'],
  },
  { does: `UPDATE region SET api_url = 'https://elsewhere' WHERE code = 'us'`, tells: ['us client -'] },
  { does: `UPDATE region SET api_url = 'https://us' WHERE code = 'us'`, tells: ['us client'] },
  { does: `INSERT INTO region (code, name, api_url, host_suffix) VALUES ('eu', 'E', 'https://eu', 'eu')`, tells: [] },
  {
    does: `UPDATE client SET allowed_resources = '{*}' WHERE id = 'web'`,
    tells: ['eu client', 'in client', 'us client'],
  },
  {
    does: `INSERT INTO region (code, name, api_url, host_suffix) VALUES ('ap', 'P', 'https://ap', 'ap')`,
    tells: ['ap client'],
  },
  {
    does: `UPDATE client SET status = 'deleted' WHERE id = 'web'`,
    tells: ['ap client -', 'eu client -', 'in client -', 'us client -'],
  },
  {
    does: `UPDATE organization SET status = 'deleted', deleted_at = meridian_now() WHERE id = $1::uuid`,
    with: [id.acme],
    tells: [SEES],
  },
  {
    does: `UPDATE organization SET purged_at = meridian_now() WHERE id = $1::uuid`,
    with: [id.acme],
    tells: ['in entitlements -', 'in organization -'],
  },
]

await eachEngine(
  t,
  'each change of what a region may see is written down, and nothing else is',
  async (t, makePlace) => {
    const db: IdentityDatabase = await openIdentityStore(await makePlace('identity'))
    t.teardown(() => db.close())
    const sql = (text: string, values: readonly unknown[] = []) => ask({ db }, text, values)
    for (const code of ['in', 'us']) {
      await sql(`INSERT INTO region (code, name, api_url, host_suffix) VALUES ($1, $1, 'https://' || $1, $1)`, [code])
    }
    await sql(`INSERT INTO module (key, name, kind) VALUES ('crm', 'CRM', 'standalone')`)
    const ids = Object.fromEntries(
      ['ada', 'lin', 'acme', 'here', 'there', 'second', 'domain'].map((name) => [name, makeId()]),
    )
    let known = 0
    for (const { does, with: values = [], tells } of steps(ids as Parameters<typeof steps>[0])) {
      await sql(does, values)
      const rows = await sql(
        'SELECT region, kind, gone, seq::float8 AS seq FROM change WHERE seq > $1::bigint ORDER BY seq',
        [known],
      )
      known = Math.max(known, ...rows.map(({ seq }) => Number(seq)))
      const told = rows.map(({ region, kind, gone }) => `${region} ${kind}${gone === true ? ' -' : ''}`)
      t.strictSame(told.sort(), [...tells].sort(), does)
      t.strictSame(await listUntold(db), [], does)
    }
  },
)

await eachEngine(
  t,
  'nothing that regions follow can be emptied at once, which no row would tell',
  async (t, makePlace) => {
    const db = await openIdentityStore(await makePlace('identity'))
    t.teardown(() => db.close())
    const followed = await db.sql(
      {
        name: 'list_followed_tables',
        text: `SELECT DISTINCT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname ~ '_tell_' ORDER BY 1`,
      },
      [],
    )
    const tables = ['change', 'revocation', ...followed.map(({ name }) => String(name))]
    for (const known of ['user_account', 'membership', 'organization', 'entitlement'])
      t.ok(tables.includes(known), known)
    for (const table of tables)
      await t.rejects(ask({ db }, `TRUNCATE ${table} CASCADE`), { message: /truncation_refused: / }, table)
  },
)
