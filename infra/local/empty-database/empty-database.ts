// An embedded database takes seconds to be made and is the same each time: one empty one is made, kept with the
// installed packages, and copied to each service that has none yet.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { type Options, ROOT, SERVICE_NAMES } from '../options.ts'

const run = promisify(execFile)

/** Where a service keeps its embedded database: packages/database/src/embedded.ts. */
const databaseFolder = (options: Options, service: string) => join(options.dataFolder, service, 'pglite')

export function servicesWithoutDatabase(options: Options): readonly string[] {
  return SERVICE_NAMES.filter(
    (name) => options.databaseUrls[name] === undefined && !existsSync(databaseFolder(options, name)),
  )
}

/** Gives each of the services an empty database. Whenever it is cut off, what it has finished is whole. */
export async function giveEmptyDatabases(
  options: Options,
  services: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const template = await findOrMakeTemplate(signal)
  for (const service of services) {
    signal.throwIfAborted()
    const folder = databaseFolder(options, service)
    await rm(`${folder}.new`, { recursive: true, force: true })
    await mkdir(join(folder, '..'), { recursive: true, mode: 0o700 })
    await cp(template, `${folder}.new`, { recursive: true })
    await rename(`${folder}.new`, folder)
  }
}

async function findOrMakeTemplate(signal: AbortSignal): Promise<string> {
  const cache = join(ROOT, 'node_modules/.cache/meridian-local')
  const template = join(cache, `pglite-${await engineVersion()}`)
  if (existsSync(template)) return template
  await mkdir(cache, { recursive: true })
  const draft = `${template}.${randomBytes(4).toString('hex')}`
  try {
    await run(process.execPath, [join(import.meta.dirname, 'main.ts'), draft], { cwd: ROOT, signal })
    // Another start may have been faster; its template is as good.
    await rename(draft, template).catch((error: unknown) => {
      if (!existsSync(template)) throw error
    })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return template
}

async function engineVersion(): Promise<string> {
  const manifest = await readFile(join(ROOT, 'node_modules/@electric-sql/pglite/package.json'), 'utf8')
  return z.object({ version: z.string() }).parse(JSON.parse(manifest)).version
}
