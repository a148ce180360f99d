import type { Statement } from '@meridian/database/database'
import { regionCodeSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const LIST_REGIONS: Statement = {
  name: 'list_registered_regions',
  text: 'SELECT code, name, api_url, host_suffix, status, last_seen FROM region ORDER BY code',
}

const regionSchema = z.object({
  code: regionCodeSchema,
  name: z.string(),
  api_url: z.string(),
  host_suffix: z.string(),
  status: z.enum(['active', 'withdrawn']),
  last_seen: z.date().nullable(),
})

/** Those that were withdrawn too. */
export async function listRegisteredRegions(db: IdentityDb): Promise<readonly z.infer<typeof regionSchema>[]> {
  return (await db.sql(LIST_REGIONS, [])).map((row) => regionSchema.parse(row))
}
