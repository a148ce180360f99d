// What must hold of every refused request: the exact answer, no cache, no insides shown, and nothing changed.
import type { Test } from 'tap'
import type { IdentityUnderTest, Reply } from './identity.ts'

/** Everything that a refusal must leave as it is; attempt counters and audit events are meant to move. */
const STATE = `SELECT jsonb_object_agg(name, digest)::text AS state FROM (
  SELECT 'family' AS name, coalesce(md5(string_agg(f::text, '|' ORDER BY f.id)), '') AS digest FROM refresh_token_family f
  UNION ALL SELECT 'session', coalesce(md5(string_agg(s::text, '|' ORDER BY s.id)), '') FROM session s
  UNION ALL SELECT 'code', coalesce(md5(string_agg(c::text, '|' ORDER BY c.id)), '') FROM authorization_code c
  UNION ALL SELECT 'challenge', coalesce(md5(string_agg(concat_ws(',', o.id, o.consumed_at, o.code_id, o.expires_at), '|' ORDER BY o.id)), '') FROM otp_challenge o
  UNION ALL SELECT 'person', coalesce(md5(string_agg(u::text, '|' ORDER BY u.id)), '') FROM user_account u
  UNION ALL SELECT 'organization', coalesce(md5(string_agg(o::text, '|' ORDER BY o.id)), '') FROM organization o
  UNION ALL SELECT 'membership', coalesce(md5(string_agg(m::text, '|' ORDER BY m.id)), '') FROM membership m
  UNION ALL SELECT 'context', coalesce(md5(string_agg(k::text, '|' ORDER BY k.user_id, k.client_id)), '') FROM client_context k
  UNION ALL SELECT 'client', coalesce(md5(string_agg(c::text, '|' ORDER BY c.id)), '') FROM client c
  UNION ALL SELECT 'session context', coalesce(md5(string_agg(k::text, '|' ORDER BY k.session_id, k.org_id, k.region)), '') FROM session_context k
  UNION ALL SELECT 'revocation', coalesce(md5(string_agg(r::text, '|' ORDER BY r.seq)), '') FROM revocation r
  UNION ALL SELECT 'outbox', coalesce(md5(string_agg(m.id::text, '|' ORDER BY m.id)), '') FROM mail_outbox m
  UNION ALL SELECT 'idempotency', coalesce(md5(string_agg(i::text, '|' ORDER BY i.scope, i.key_hash)), '') FROM idempotency i
) parts`

export async function readState(identity: Pick<IdentityUnderTest, 'db'>): Promise<Record<string, string>> {
  const [row] = await identity.db.sql({ name: 'state_for_refusal', text: STATE }, [])
  return JSON.parse(String(row?.['state']))
}

export type Expected = { readonly status: number; readonly error: string }

/** Runs a request that must be refused, and holds it to all of the above. */
export async function refuses(
  t: Test,
  identity: IdentityUnderTest,
  title: string,
  request: () => Promise<Reply>,
  expected: Expected,
): Promise<Reply> {
  const before = await readState(identity)
  const reply = await request()
  const after = await readState(identity)
  t.equal(reply.status, expected.status, `${title}: status; ${reply.text}`)
  t.equal(reply.body['error'] ?? reply.body['code'], expected.error, `${title}: error`)
  t.match(String(reply.headers['content-type']), /^application\/(problem\+)?json/, `${title}: JSON`)
  t.equal(reply.headers['cache-control'], 'no-store', `${title}: not cached`)
  t.notMatch(reply.text, /\bat .*\.ts:|SELECT |UPDATE |prisma|stack/i, `${title}: shows no insides`)
  t.strictSame(after, before, `${title}: changes nothing`)
  return reply
}
