// What a region should have been told of and has not: by the directory's own tables, there must be an entry in the log for
// everything that a region may see, and the last one of it must not say that it is gone.
import type { IdentityDatabase } from '../../services/identity/src/store/open-store.ts'
import { VIEW } from './feed-view.ts'

const UNTOLD = `SELECT g.code || ': ' || v.kind || ' ' || v.id AS untold
  FROM region g, LATERAL (${VIEW.replaceAll('$1', 'g.code')}) v
  WHERE NOT coalesce((SELECT NOT c.gone FROM change c WHERE c.region = g.code AND c.kind = v.kind AND c.entity_id = v.id
    ORDER BY c.seq DESC LIMIT 1), false)
  ORDER BY 1 LIMIT 10`

export async function listUntold(db: IdentityDatabase): Promise<readonly string[]> {
  const rows = await db.sql({ name: 'list_untold', text: UNTOLD }, [])
  return rows.map(({ untold }) => String(untold))
}
