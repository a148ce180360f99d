// For whoever writes a migration: the SQL that a changed schema.prisma still needs.
import { parseArgs } from 'node:util'
import { diffToSchema, leaveOutUnsayable, openMigrated, readSchema, SCHEMA_NAMES } from './schema-engine.ts'

const HELP = `Usage: npx -y pnpm@12 schema [identity|region]

Prints the SQL that is missing between the migrations and schema.prisma, from Prisma's own schema engine. Put it into
prisma/<name>/migrations/<UTC timestamp>_<verb>_<object>/migration.sql, with a first line that says why.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
})
const names = SCHEMA_NAMES.filter((name) => positionals.length === 0 || positionals.includes(name))
if (values.help || names.length === 0) {
  process.stdout.write(HELP)
  process.exit(values.help ? 0 : 1)
}
for (const name of names) {
  const pglite = await openMigrated(name)
  await leaveOutUnsayable(name, pglite)
  const script = await diffToSchema(pglite, await readSchema(name))
  await pglite.close()
  process.stdout.write(
    script === '' ? `-- ${name}: the migrations say what schema.prisma says\n` : `-- ${name}\n${script}`,
  )
}
