// A search reads what it finds, not everything there is: rare kinds by their index, frequent ones by time, and no plan that
// was made for the one is used for the other.
import type { Statement } from '@meridian/database/database'
import t from 'tap'
import { z } from 'zod'
import { PLATFORM_SCOPE, scopeOfOrganization } from '../../services/identity/src/audit/search.ts'
import { type AuditScope, searchAudit } from '../../services/identity/src/store/audit-search.ts'
import { onPostgresql } from '../support/databases.ts'
import { type IdentityUnderTest, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { idOfOrg } from './chained-identity.ts'

t.setTimeout(180_000)

const EVENTS = 40_000
const BATCH_EVENTS = 2000
const PAGE = 21
/** A page of the table or of an index has many events: far more than a search of one page of them needs. */
const BLOCKS_MAX = 400
const EVERYTHING = { kind: null, actor: null, outcome: null, from: null, to: null, after: undefined }

const explanationSchema = z.tuple([
  z.object({ Plan: z.object({ 'Shared Hit Blocks': z.number(), 'Shared Read Blocks': z.number() }) }),
])

async function fill(identity: IdentityUnderTest, orgId: string | null, rare: string, frequent: string): Promise<void> {
  for (let from = 1; from <= EVENTS; from += BATCH_EVENTS) {
    await ask(
      identity,
      `INSERT INTO audit_event (id, at, kind, outcome, request_id, org_id, actor_kind)
        SELECT gen_random_uuid(), meridian_now() - make_interval(secs => n),
          CASE WHEN n % ${EVENTS / 4} = ${EVENTS / 8} THEN $2::text ELSE $3::text END, 'success', 'test', $1::uuid, 'nobody'
        FROM generate_series($4::integer, $5::integer) n`,
      [orgId, rare, frequent, from, from + BATCH_EVENTS - 1],
    )
  }
}

/** How many blocks PostgreSQL reads for a statement. */
async function blocksOf(identity: IdentityUnderTest, { name, text }: Statement, values: readonly unknown[]) {
  const explained = { name: `explain_${name}`, text: `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}` }
  const [row] = await identity.db.sql({ ...explained, isPlannedAnew: true }, values)
  const [{ Plan: plan }] = explanationSchema.parse(row?.['QUERY PLAN'])
  return plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
}

/** What a search found, and what it read. */
async function search(identity: IdentityUnderTest, scope: AuditScope, kind: string | null) {
  const sent: { readonly statement: Statement; readonly values: readonly unknown[] }[] = []
  const sql: typeof identity.db.sql = async (statement, values) => {
    sent.push({ statement, values })
    return identity.db.sql(statement, values)
  }
  const rows = await searchAudit({ ...identity.db, sql }, scope, { ...EVERYTHING, kind }, PAGE)
  let blocks = 0
  for (const { statement, values } of sent) blocks += await blocksOf(identity, statement, values)
  return { kinds: rows.map((row) => row.kind), blocks }
}

await onPostgresql(t, 'a rare kind among very many events is found without reading them', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { poolSize: 1 })
  const acme = await idOfOrg(identity, 'acme')
  await fill(identity, acme, 'support.requested', 'context.first_token')
  await fill(identity, null, 'key.retired', 'sign_in.succeeded')
  await ask(identity, 'ANALYZE audit_event')
  await ask(identity, 'ANALYZE audit_seal')
  const ofAcme = scopeOfOrganization(acme, ['in', 'us'])
  for (const [scope, kind, found] of [
    [ofAcme, 'support.requested', 4],
    [ofAcme, 'support', 4],
    [ofAcme, 'domain.added', 0],
    [ofAcme, 'domain', 0],
    [ofAcme, 'context.first_token', PAGE],
    [ofAcme, 'context', PAGE],
    [ofAcme, null, PAGE],
    [PLATFORM_SCOPE, 'key.retired', 4],
    [PLATFORM_SCOPE, 'key', 4],
    [PLATFORM_SCOPE, 'client.deleted', 0],
    [PLATFORM_SCOPE, 'sign_in.succeeded', PAGE],
    [PLATFORM_SCOPE, 'sign_in', PAGE],
    [PLATFORM_SCOPE, null, PAGE],
  ] as const) {
    const title = `${scope.kind} ${kind}`
    const result = await search(identity, scope, kind)
    t.equal(result.kinds.length, found, title)
    t.ok(kind === null || result.kinds.every((one) => one === kind || one.startsWith(`${kind}.`)), `${title}: no other`)
    t.ok(result.blocks < BLOCKS_MAX, `${title}: ${result.blocks} blocks`)
  }
  const prepared = await ask(identity, `SELECT name FROM pg_prepared_statements WHERE name LIKE 'search_audit%'`)
  t.strictSame(prepared, [], 'each is planned for what it looks for')
})
