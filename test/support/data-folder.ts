// Folders that a test may fill, gone after it.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cp, mkdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import type { Test } from 'tap'

const template = fileURLToPath(new URL('../../node_modules/.cache/meridian-test/empty-folder', import.meta.url))

/** A data folder whose engine has never run a migration. Made once and copied: initdb takes seconds. */
export async function emptyDataFolder(t: Test): Promise<string> {
  if (!existsSync(template)) {
    const draft = `${template}.${process.pid}`
    await mkdir(dirname(template), { recursive: true })
    await (await PGlite.create({ dataDir: draft })).close()
    // Whoever is first wins; the others' is the same.
    await rename(draft, template).catch(() => rm(draft, { recursive: true }))
  }
  const folder = temporaryFolder(t)
  await cp(template, join(folder, 'pglite'), { recursive: true })
  return folder
}

export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
