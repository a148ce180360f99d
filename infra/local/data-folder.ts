// The stack's folder: one stack at a time holds it, and --fresh empties it of what a stack has put there.
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FolderInUseError, type FolderLock, lockFolder } from '@meridian/database/embedded'
import { SERVICE_NAMES } from './options.ts'
import { SECRETS_FILE } from './secrets.ts'
import { StackError } from './stack-error.ts'

/** The secrets last: as long as they are there, the folder is known for a stack's. */
const OURS = [...SERVICE_NAMES, 'mail', 'logs', 'registry.json', 'directory.json', SECRETS_FILE]
/** A killed stack's services end by themselves, within the 10 s that a graceful stop may take. */
const LEFTOVER_TIMEOUT_MS = 12_000

/** Throws StackError while another stack, or a service that one left behind, uses the folder. */
export async function claimDataFolder(folder: string, onWait: () => void, signal: AbortSignal): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const lock = await tryLock(folder)
  if (lock === undefined) {
    throw new StackError(
      `A stack is running on ${folder} already. Stop it with Ctrl-C where it runs, or start another one beside it:\n` +
        '  npx -y pnpm@12 start --data .data/second --port-base 14000',
    )
  }
  try {
    await waitForLeftovers(folder, onWait, signal)
    return lock
  } catch (error) {
    lock.release()
    throw error
  }
}

async function waitForLeftovers(folder: string, onWait: () => void, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + LEFTOVER_TIMEOUT_MS
  for (const name of SERVICE_NAMES) {
    const path = join(folder, name)
    if (!existsSync(path)) continue
    for (let tries = 0; !(await isFree(path)); tries += 1) {
      if (tries === 0) onWait()
      if (performance.now() > deadline) {
        throw new StackError(`A process still uses ${path}: end it, or choose another folder with --data.`)
      }
      await sleep(200, undefined, { signal })
    }
  }
}

async function isFree(folder: string): Promise<boolean> {
  const lock = await tryLock(folder)
  lock?.release()
  return lock !== undefined
}

async function tryLock(folder: string): Promise<FolderLock | undefined> {
  try {
    return await lockFolder(folder)
  } catch (error) {
    if (error instanceof FolderInUseError) return undefined
    throw error
  }
}

/** Called before anything is put in a folder that --fresh names: it must be a stack's, or hold nothing. */
export function assertMayBeEmptied(folder: string): void {
  if (!existsSync(folder) || existsSync(join(folder, SECRETS_FILE))) return
  if (readdirSync(folder).every((name) => name === 'lock' || name === 'logs')) return
  throw new StackError(`${folder} is not a stack's data folder: --fresh leaves it alone.`)
}

/** For the holder of the folder's lock only. */
export async function emptyDataFolder(folder: string): Promise<void> {
  for (const name of OURS) await rm(join(folder, name), { recursive: true, force: true })
}
