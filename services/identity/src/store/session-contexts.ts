import type { Statement } from '@meridian/database/database'
import type { IdentityDb } from './open-store.ts'

// The session may go at the same time, with its owner's account: then there is nothing to note.
const INSERT_SESSION_CONTEXT: Statement = {
  name: 'insert_session_context',
  text: `INSERT INTO session_context (session_id, org_id, region)
    SELECT s.id, $2::uuid, $3::text FROM session s WHERE s.id = $1::uuid FOR KEY SHARE OF s
    ON CONFLICT DO NOTHING RETURNING region`,
}

/** Notes that a session has acted in a context. Resolves to whether that is new. */
export async function insertSessionContext(
  db: IdentityDb,
  context: { readonly sessionId: string; readonly orgId: string; readonly region: string },
): Promise<boolean> {
  const { sessionId, orgId, region } = context
  return (await db.sql(INSERT_SESSION_CONTEXT, [sessionId, orgId, region])).length === 1
}
