import { heldHostMapSchema } from '@meridian/protocol/hosts'
import type { HostStore } from '@meridian/resource-server/host-map'
import type { RegionDatabase } from './open-store.ts'

/** Where the host map survives a restart. One that no longer parses counts as none. */
export function createHostStore(database: RegionDatabase): HostStore {
  return {
    load: async () => {
      const row = await database.prisma.hostMap.findUnique({ where: { id: true } })
      const map = heldHostMapSchema.safeParse(row?.map)
      return row !== null && map.success ? { map: map.data, loadedAtMs: row.loadedAt.getTime() } : null
    },
    save: async ({ map, loadedAtMs }) => {
      const values = { map, loadedAt: new Date(loadedAtMs) }
      await database.prisma.hostMap.upsert({ where: { id: true }, create: { id: true, ...values }, update: values })
    },
  }
}
