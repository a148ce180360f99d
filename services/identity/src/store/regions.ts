import type { IdentityDb } from './open-store.ts'

export type Region = {
  readonly code: string
  readonly name: string
  readonly apiUrl: string
  readonly hostSuffix: string
}

/** Makes the stored regions those of the configuration; one that it no longer names is withdrawn, not deleted. */
export async function replaceRegions(db: IdentityDb, regions: readonly Region[]): Promise<void> {
  for (const { code, ...fields } of regions) {
    const active = { ...fields, status: 'active' }
    await db.prisma.region.upsert({ where: { code }, create: { code, ...active }, update: active })
  }
  const kept = regions.map((region) => region.code)
  await db.prisma.region.updateMany({ where: { code: { notIn: kept } }, data: { status: 'withdrawn' } })
}

/** The public address of an active region's API, which is the audience of its tokens. */
export async function findActiveApiUrl(db: IdentityDb, code: string): Promise<string | undefined> {
  const row = await db.prisma.region.findFirst({ where: { code, status: 'active' }, select: { apiUrl: true } })
  return row?.apiUrl
}
