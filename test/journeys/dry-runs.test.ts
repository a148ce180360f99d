// `--dry-run` changes nothing, whatever the command: every row of the database is as it was, and the same command without
// it does change something.
import t from 'tap'
import { COMMANDS, type CommandName, commandOf, runCommand } from '../../services/identity/src/cli/commands.ts'
import { dumpOf } from '../support/database-dump.ts'
import { embeddedPlace, shiftClock } from '../support/databases.ts'
import { type IdentityUnderTest, startIdentity } from '../support/identity.ts'
import { ask, UNHURRIED } from '../support/races.ts'

t.setTimeout(180_000)

const HOUR_SECONDS = 3600

type Step = {
  readonly name: CommandName
  readonly input: (identity: IdentityUnderTest) => Promise<object> | object
  readonly before?: (identity: IdentityUnderTest) => Promise<unknown>
}

const onInitech = (more: object = {}) => ({ org: 'initech', ...more })

async function idOf(identity: IdentityUnderTest, email: string): Promise<unknown> {
  return (await ask(identity, 'SELECT id::text AS id FROM user_account WHERE email = $1::text', [email]))[0]?.['id']
}

async function onLin(identity: IdentityUnderTest, reason: string) {
  return { id: await idOf(identity, 'lin@acme.test'), reason }
}

const loseManagers = async (identity: IdentityUnderTest) => {
  await ask(identity, `UPDATE organization SET status = 'suspended' WHERE slug = 'initech'`)
  const lock = `UPDATE user_account SET status = 'disabled', disabled_at = meridian_now() WHERE email = 'ann@new.test'`
  await ask(identity, lock)
}

/** Each as it can be done after the ones before it. */
const STEPS: readonly Step[] = [
  { name: 'sys-admin create', input: () => ({ email: 'first@example.test', name: 'First' }) },
  {
    name: 'org create',
    input: () => ({
      ...{ slug: 'initech', name: 'Initech', region: ['in'] },
      ...{ managerEmail: 'ann@new.test', managerName: 'Ann' },
    }),
  },
  { name: 'org add-region', input: () => onInitech({ region: 'us' }) },
  { name: 'org remove-region', input: () => onInitech({ region: 'us' }) },
  { name: 'org license', input: () => onInitech({ modules: ['records'] }) },
  { name: 'org status', input: () => onInitech({ status: 'maintenance' }) },
  { name: 'org delete', input: () => onInitech() },
  { name: 'org restore', input: () => onInitech() },
  { name: 'org first-manager', input: () => onInitech({ email: 'new@new.test', name: 'New' }), before: loseManagers },
  { name: 'user disable', input: (identity) => onLin(identity, 'abuse') },
  { name: 'user enable', input: (identity) => onLin(identity, 'mistake') },
  { name: 'sync tenants', input: () => ({ force: true }) },
  { name: 'keys stage', input: () => ({}) },
  { name: 'keys activate', input: () => ({}), before: ({ db }) => shiftClock(db, 26 * HOUR_SECONDS) },
  { name: 'keys retire', input: () => ({}), before: ({ db }) => shiftClock(db, 28 * HOUR_SECONDS) },
  { name: 'keys rotate', input: () => ({ emergency: true }) },
  { name: 'restored', input: () => ({}) },
]

/** The same command by another name; one whose dry run has regions compare; those that have tests of their own. */
const ELSEWHERE: readonly CommandName[] = ['create-sys-admin', 'sync users', 'import', 'keys reseal']

t.test('every command that knows --dry-run is tried', async (t) => {
  const names = Object.keys(COMMANDS) as CommandName[]
  const rehearsable = names.filter((name) => commandOf(name).usage.includes('--dry-run'))
  t.strictSame([...STEPS.map(({ name }) => name), ...ELSEWHERE].sort(), rehearsable.sort())
})

t.test('a dry run changes nothing, and the run does', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
  for (const { name, input, before } of STEPS) {
    await before?.(identity)
    const given = await input(identity)
    const run = (dryRun: boolean) => runCommand(identity.deps, name, { ...given, dryRun }, () => {})
    const found = await dumpOf(identity)
    t.match(await run(true), { dry_run: true }, name)
    t.ok((await dumpOf(identity)) === found, `${name}: nothing was changed`)
    await run(false)
    t.ok((await dumpOf(identity)) !== found, `${name}: without --dry-run something is`)
  }
})
