// Events that were written before there were chains: what is personal in them moves out of the event, and they wait for
// their seal like any other.
import { PGlite } from '@electric-sql/pglite'
import { applyMigrations, readMigrations } from '@meridian/database/migrations'
import t from 'tap'
import { personalDigestOf } from '../../services/identity/src/audit/chain.ts'
import { IDENTITY_MIGRATIONS } from '../../services/identity/src/store/open-store.ts'

const SEALING = '20261121105000_seal_audit'

t.test('older events keep what they say, and lose nothing but their column for it', async (t) => {
  const pglite = await PGlite.create()
  t.teardown(() => pglite.close())
  const rows = async (text: string) => (await pglite.query<Record<string, unknown>>(text)).rows
  const connection = {
    query: (text: string, values?: readonly unknown[]) =>
      pglite.query<Record<string, unknown>>(text, values as unknown[]).then((result) => result.rows),
    execute: async (script: string) => {
      await pglite.exec(script)
    },
  }
  const migrations = await readMigrations(IDENTITY_MIGRATIONS)
  await applyMigrations(
    connection,
    migrations.filter(({ name }) => name < SEALING),
  )
  await pglite.exec(`
    INSERT INTO user_account (id, email, name, platform_role) VALUES
      ('01900000-0000-7000-8000-000000000001', 'lin@acme.test', 'Lin', NULL),
      ('01900000-0000-7000-8000-000000000002', 'root@acme.test', 'Root', 'sys_admin');
    INSERT INTO audit_event (id, kind, outcome, request_id, actor_user_id, org_id, ip) VALUES
      ('01900000-0000-7000-8000-00000000000a', 'a', 'success', 'r', '01900000-0000-7000-8000-000000000001', NULL, '192.0.2.7'),
      ('01900000-0000-7000-8000-00000000000b', 'b', 'refused', 'r', '01900000-0000-7000-8000-000000000002',
        '01900000-0000-7000-8000-0000000000ff', '2001:db8::7'),
      ('01900000-0000-7000-8000-00000000000c', 'c', 'refused', 'r', NULL, NULL, NULL)`)
  await applyMigrations(connection, migrations)
  const found = await rows(`SELECT e.kind, e.actor_kind, p.details, p.user_id = e.actor_user_id AS own, s.chain, s.seq,
      p.salt, encode(e.personal_digest, 'hex') AS digest
    FROM audit_event e JOIN audit_seal s ON s.event_id = e.id LEFT JOIN audit_personal p ON p.event_id = e.id ORDER BY e.id`)
  t.match(found, [
    { kind: 'a', actor_kind: 'person', details: '{"ip":"192.0.2.7"}', own: true, seq: null },
    { kind: 'b', actor_kind: 'sys_admin', details: '{"ip":"2001:db8::7"}', chain: /ff$/ },
    { kind: 'c', actor_kind: 'nobody', details: null, digest: null },
  ])
  for (const { salt, details, digest } of found.slice(0, 2))
    t.equal(personalDigestOf({ salt: salt as Uint8Array, details: String(details) }), digest)
  await t.rejects(rows("UPDATE audit_event SET kind = ''"), { message: /append-only/ }, 'and cannot be changed again')
})
