// The README is true: its walkthrough runs as printed, against the stack that its first command starts, and its tables
// of settings are the services' own.
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { settingsTable } from '@meridian/service-kit/configuration'
import t from 'tap'
import { configurationSchema as identityConfiguration } from '../../services/identity/src/config.ts'
import { configurationSchema as regionConfiguration } from '../../services/region/src/config.ts'
import { dataFolder, descendantsOf, freePorts, portFlags, startedStack, survivors } from '../support/stack.ts'
import { runSteps, walkthroughOf } from '../support/walkthrough.ts'

const README = new URL('../../README.md', import.meta.url)
const WALKTHROUGH_TIMEOUT_MS = 150_000

t.setTimeout(400_000)

t.test("the README's walkthrough prints what it says, and a second start keeps what it wrote", async (t) => {
  const [ports, folder, readme] = [await freePorts(), await dataFolder(t), await readFile(README, 'utf8')]
  const args = ['--data', folder, ...portFlags(ports)]
  const first = await startedStack(t, args)
  const services = descendantsOf(first.pid)
  t.equal(services.length, 3, 'three services run')
  t.equal((await stat(join(folder, 'secrets.json'))).mode & 0o777, 0o600, 'the secrets are for their owner')
  const secrets = await readFile(join(folder, 'secrets.json'), 'utf8')

  const steps = walkthroughOf(readme, ports)
  t.ok(steps.length >= 12, `${steps.length} steps`)
  const printed = await runSteps(steps, WALKTHROUGH_TIMEOUT_MS)
  t.equal(printed.length, steps.length, 'nothing on standard error')
  for (const [index, { commands, expected }] of steps.entries())
    t.strictSame(printed[index], expected, commands.trim().split('\n').at(-1) ?? '')

  first.kill('SIGINT')
  t.equal(await first.exit(), 0, 'a stop that was asked for is a success')
  t.match(first.output(), 'Nothing is left running.')
  t.strictSame(await survivors(services, 0), [], 'no process is left')
  t.notOk(existsSync(join(folder, 'identity/command.sock')), 'no socket is left')

  const second = await startedStack(t, args)
  t.equal(await readFile(join(folder, 'secrets.json'), 'utf8'), secrets, 'the secrets are kept')
  const again = walkthroughOf(AGAIN, ports)
  t.strictSame(
    await runSteps(again, WALKTHROUGH_TIMEOUT_MS),
    again.map(({ expected }) => expected),
    'the record is kept',
  )
  second.kill('SIGTERM')
  t.equal(await second.exit(), 0)
})

/** Lin, since the others were sent a code a moment ago. */
const AGAIN = `
\`\`\`bash walkthrough
ID=http://localhost:4000 IN=http://localhost:4101 MAIL=http://localhost:4026
json() { node -p "const o = JSON.parse(require('fs').readFileSync(0)); $1"; }
VERIFIER=$(node -p "require('crypto').randomBytes(32).toString('base64url')")
CHALLENGE=$(node -p "require('crypto').createHash('sha256').update('$VERIFIER').digest('base64url')")
AUTH_SESSION=$(curl -s $ID/oauth/challenge -d client_id=native -d method=email -d contact=lin@acme.test \
  -d code_challenge=$CHALLENGE -d code_challenge_method=S256 | json o.auth_session)
until OTP=$(curl -s "$MAIL/messages?to=lin@acme.test" | json 'o.at(0).text.match(/[0-9]{6}/)[0]' 2>/dev/null); do
  sleep 1
done
CODE=$(curl -s $ID/oauth/challenge -d client_id=native -d auth_session=$AUTH_SESSION -d otp=$OTP | json o.authorization_code)
TOKEN=$(curl -s $ID/oauth/token -d grant_type=authorization_code -d client_id=native -d code=$CODE -d code_verifier=$VERIFIER \
  -d resource=$IN -d org_id=acme | json o.access_token)
curl -s $IN/v1/records -H "Authorization: Bearer $TOKEN" | json 'o.records.map((r) => r.title).join()'
# → Monsoon plan
curl -s "$MAIL/messages?to=sam@both.test" | json o.length
# → 1
\`\`\`
`

t.test("the README's tables of settings are the schemas'", async (t) => {
  const readme = await readFile(README, 'utf8')
  for (const [heading, schema] of [
    ['### Settings of the identity service', identityConfiguration],
    ['### Settings of a region', regionConfiguration],
  ] as const) {
    const [, section = ''] = readme.split(`${heading}\n`)
    const lines = section.split(/^#/m)[0]?.split('\n') ?? []
    const rows = lines.filter((line) => /^\| `[A-Z_]+` +\|/.test(line))
    t.strictSame(
      rows.map((row) =>
        row
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      ),
      settingsTable(schema).map(({ name, required, description, default: fallback }) => [
        `\`${name}\``,
        required ? 'required' : fallback ? `\`${fallback}\`` : '',
        description,
      ]),
      heading,
    )
  }
})

t.test('the README names only files and commands that exist', async (t) => {
  const readme = await readFile(README, 'utf8')
  for (const [, target = ''] of readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
    t.ok(existsSync(new URL(target, README)), target)
  }
  const { scripts } = JSON.parse(await readFile(new URL('package.json', README), 'utf8'))
  for (const [, script = ''] of readme.matchAll(/npx -y pnpm@12 ([a-z]+)/g)) t.ok(script in scripts, script)
})
