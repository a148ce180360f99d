import type { Module } from '@meridian/protocol/modules'
import { moduleSchema } from '@meridian/protocol/modules'
import type { IdentityDb } from './open-store.ts'

/** Makes the stored modules those of the configuration; one that it no longer names is withdrawn, not deleted. */
export async function replaceModules(db: IdentityDb, modules: readonly Module[]): Promise<void> {
  for (const { key, ...fields } of modules) {
    const active = { ...fields, requires: [...fields.requires], status: 'active' }
    await db.prisma.module.upsert({ where: { key }, create: { key, ...active }, update: active })
  }
  const kept = modules.map((module) => module.key)
  await db.prisma.module.updateMany({ where: { key: { notIn: kept } }, data: { status: 'withdrawn' } })
}

/** The modules that can be had, by key. */
export async function listModules(db: IdentityDb): Promise<readonly Module[]> {
  const rows = await db.prisma.module.findMany({
    where: { status: 'active' },
    omit: { status: true },
    orderBy: { key: 'asc' },
  })
  return rows.map((row) => moduleSchema.parse(row))
}
