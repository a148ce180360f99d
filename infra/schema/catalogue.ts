// The catalogue of a migrated database, as far as Prisma's engine cannot see it; checked in beside each schema, so
// that a change of a guard shows in review.
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { describeCatalogue } from './describe-catalogue.ts'
import { openMigrated, SCHEMA_NAMES } from './schema-engine.ts'

const HELP = `Usage: npx -y pnpm@12 catalogue [--write] [identity|region]

Prints what stands in the catalogue of a freshly migrated database beside tables and columns: functions, triggers,
checks, policies, grants, partial indexes. With --write into prisma/<name>/catalogue.txt, which a test compares.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
})
const names = SCHEMA_NAMES.filter((name) => positionals.length === 0 || positionals.includes(name))
if (values.help || names.length === 0) {
  process.stdout.write(HELP)
  process.exit(values.help ? 0 : 1)
}
for (const name of names) {
  const pglite = await openMigrated(name)
  const text = await describeCatalogue(async (query) => (await pglite.query<{ line: string }>(query)).rows)
  await pglite.close()
  if (values.write) await writeFile(new URL(`../../prisma/${name}/catalogue.txt`, import.meta.url), text)
  else process.stdout.write(text)
}
