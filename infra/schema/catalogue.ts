// The catalogue of a migrated database, as far as Prisma's engine cannot see it; checked in beside each schema, so
// that a change of a guard shows in review.
import { writeFile } from 'node:fs/promises'
import { describeCatalogue } from './describe-catalogue.ts'
import { openMigrated, SCHEMA_NAMES } from './schema-engine.ts'

const HELP = `Usage: npx -y pnpm@12 catalogue [--write] [identity|region]

Prints what stands in the catalogue of a freshly migrated database beside tables and columns: functions, triggers,
checks, policies, grants, partial indexes. With --write into prisma/<name>/catalogue.txt, which a test compares.
`

const asked = process.argv.slice(2)
const wanted = asked.filter((argument) => !argument.startsWith('--'))
const names = SCHEMA_NAMES.filter((name) => wanted.length === 0 || wanted.includes(name))
if (asked.includes('--help') || names.length === 0) {
  process.stdout.write(HELP)
  process.exit(asked.includes('--help') ? 0 : 1)
}
for (const name of names) {
  const pglite = await openMigrated(name)
  const text = await describeCatalogue(async (query) => (await pglite.query<{ line: string }>(query)).rows)
  await pglite.close()
  if (asked.includes('--write')) await writeFile(new URL(`../../prisma/${name}/catalogue.txt`, import.meta.url), text)
  else process.stdout.write(text)
}
