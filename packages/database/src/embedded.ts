// The embedded engine: PGlite (PostgreSQL in WASM) in a folder that belongs to one process at a time.
// Survives the death of the process, not of the power: PGlite runs with fsync off.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { PGlite } from '@electric-sql/pglite'

export class FolderInUseError extends Error {
  override name = 'FolderInUseError'
}

export type FolderLock = { release(): void }

/**
 * Takes the folder for this process. The lock is the operating system's, held through SQLite, so it ends
 * with the process however that dies. Throws FolderInUseError when another process has it.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'lock')
  // Never opened here once it exists: closing any descriptor of it would end the lock that this process may hold.
  await writeFile(path, '', { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  const file = new DatabaseSync(path)
  try {
    file.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    file.close()
    throw new FolderInUseError(
      `the data folder ${folder} is in use by another process: stop it first, or choose another folder`,
      { cause: error },
    )
  }
  return { release: () => file.close() }
}

export type EmbeddedOptions = {
  /** Absent: in memory, gone with the process. */
  readonly folder?: string
  /** Opens another in-memory one than a new and empty one. */
  readonly open?: () => Promise<PGlite>
}

export async function openEmbedded(
  options: EmbeddedOptions,
): Promise<{ pglite: PGlite; lock: FolderLock | undefined }> {
  const lock = options.folder === undefined ? undefined : await lockFolder(options.folder)
  try {
    const open = options.open ?? (() => PGlite.create())
    const pglite = await (options.folder === undefined ? open() : PGlite.create(join(options.folder, 'pglite')))
    return { pglite, lock }
  } catch (error) {
    lock?.release()
    throw error
  }
}
