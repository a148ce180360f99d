// Generates the Prisma clients from the two schemas; runs at every install (`prepare`).
// Prisma's CLI asks for a schema engine binary though `generate` does not use it: any executable will do.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const cli = fileURLToPath(new URL('../node_modules/prisma/build/index.js', import.meta.url))

async function generate(name: 'identity' | 'region'): Promise<void> {
  await promisify(execFile)(process.execPath, [cli, 'generate', '--schema', `prisma/${name}/schema.prisma`], {
    cwd: root,
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1' },
  })
  process.stdout.write(`generated the Prisma client of ${name}\n`)
}

await Promise.all([generate('identity'), generate('region')])
