// Tells every process of this database that there is news for regions.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

export const HINT_CHANNEL = 'meridian_news'

// A notification is a transaction with a commit of its own: none is sent where nothing was written.
const TELL: Statement = {
  name: 'tell_of_news',
  text: `SELECT h.head, CASE WHEN h.head <> $1::text THEN pg_notify('${HINT_CHANNEL}', '')::text END AS told
    FROM (SELECT concat((SELECT max(seq) FROM change), ' ', (SELECT max(seq) FROM revocation), ' ',
      (SELECT max(id::text) FROM sync_order WHERE finished_at IS NULL)) AS head) h`,
}

/** What was written last; where that is not what was known, everybody is told. */
export async function tellOfNews(db: IdentityDb, known: string): Promise<string> {
  const [row] = await db.sql(TELL, [known])
  return z.object({ head: z.string() }).parse(row).head
}
