import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'
import { NAMED, nameOf } from './organization-names.ts'

const FIND_CONCERNED: Statement = {
  name: 'find_org_of_refusal',
  text: `SELECT o.id::text AS org_id, EXISTS (SELECT FROM membership m
      WHERE m.org_id = o.id AND m.user_id = $3::uuid AND m.status <> 'removed') AS is_own
    FROM organization o WHERE ${NAMED}`,
}

const concernedSchema = z.object({ org_id: z.string(), is_own: z.boolean() })

/** The organization that a refused request named, and whether the person belongs to it, in whatever state. */
export async function findConcernedOrg(
  db: IdentityDb,
  org: string,
  userId: string | null,
): Promise<z.infer<typeof concernedSchema> | undefined> {
  const [row] = await db.sql(FIND_CONCERNED, [...nameOf(org), userId])
  return row === undefined ? undefined : concernedSchema.parse(row)
}
