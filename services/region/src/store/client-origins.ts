import type { RegionDatabase } from './open-store.ts'

/** Origins of browsers from which clients call this region, as the feed tells them. */
export async function listClientOrigins(database: RegionDatabase): Promise<readonly string[]> {
  const clients = await database.prisma.client.findMany({ select: { allowedOrigins: true } })
  return clients.flatMap(({ allowedOrigins }) => allowedOrigins)
}
