// `pnpm start` as its command: what it says, what it refuses, and that nothing outlives it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { parseOptions } from '../../infra/local/options.ts'
import {
  dataFolder,
  descendantsOf,
  freePorts,
  isAlive,
  portFlags,
  START,
  startedStack,
  startStack,
  survivors,
} from '../support/stack.ts'

t.setTimeout(400_000)
/** A graceful stop may take ten. */
const LEFTOVER_MS = 12_000

t.test('--help names every option, with and without the -- of pnpm', async (t) => {
  const stack = startStack(t, ['--', '--help'])
  t.equal(await stack.exit(), 0)
  for (const option of ['--data', '--port-base', '--identity-port', '--set', '--fresh', '--quiet', 'DATABASE_URL'])
    t.match(stack.output(), option)
  t.equal(parseOptions(['-h'], {}), undefined)
})

t.test('what cannot be meant is refused with what to do, and nothing is made', async (t) => {
  const folder = join(await dataFolder(t), 'never')
  const stack = startStack(t, ['--data', folder, '--port-base', 'ten'])
  t.equal(await stack.exit(), 1)
  t.match(stack.output(), /^--port-base wants a port from 1 to 65535, not "ten"\.\n$/)
  t.notOk(existsSync(folder))
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['--colour'], /--colour.*Try: .* start --help/s],
    [['--port-base', '65500'], /There is no port 65602/],
    [['--in-port', '4000'], /Port 4000 is given to two things/],
    [['--set', 'moon.HOST=::1'], /with identity, in or us as SERVICE/],
    [['--set', 'identity.OTP_RESEND=10'], /identity has no setting OTP_RESEND/],
    [['--set', 'identity.ISSUER=http://x.test'], /ISSUER follows from the other options/],
  ]
  for (const [args, expected] of cases) t.throws(() => parseOptions(args, {}), { message: expected }, args.join(' '))
})

t.test('ports, folder, databases and settings may be chosen; a flag wins over its variable', async (t) => {
  const environment = { MERIDIAN_PORT_BASE: '9000', MERIDIAN_US_PORT: '7', MERIDIAN_IN_DATABASE_URL: 'postgres://x/in' }
  t.match(parseOptions(['--us-port', '8', '--data', '/x', '--set', 'us.LOG_LEVEL=debug'], environment), {
    ports: { identity: 9000, in: 9101, us: 8, smtp: 9025, mail: 9026 },
    dataFolder: '/x',
    databaseUrls: { in: 'postgres://x/in' },
    settings: { identity: {}, in: {}, us: { LOG_LEVEL: 'debug' } },
    isFresh: false,
  })
  t.match(parseOptions([], {}), { ports: { identity: 4000, in: 4101, us: 4102, smtp: 4025, mail: 4026 } })
})

t.test('a port in use is named, with what to do', async (t) => {
  const [ports, folder] = [await freePorts(), await dataFolder(t)]
  const stranger = createServer().listen(ports.us, '127.0.0.1')
  await once(stranger, 'listening')
  t.teardown(() => void stranger.close())
  const stack = startStack(t, ['--data', folder, ...portFlags(ports)])
  t.equal(await stack.exit(), 1)
  t.match(
    stack.output(),
    `Port ${ports.us}, for region us, is in use by another program: choose another with --us-port`,
  )
  t.match(stack.output(), '--port-base')
})

t.test('--fresh leaves a folder alone that is no data folder', async (t) => {
  const folder = await dataFolder(t)
  await mkdir(join(folder, 'mail'))
  await writeFile(join(folder, 'mail/letter.txt'), 'dear')
  const stack = startStack(t, ['--data', folder, '--fresh', ...portFlags(await freePorts())])
  t.equal(await stack.exit(), 1)
  t.match(stack.output(), "is not a stack's data folder: --fresh leaves it alone")
  t.strictSame(await readdir(folder), ['mail'])
  t.strictSame(await readdir(join(folder, 'mail')), ['letter.txt'])
})

t.test(
  'one stack a folder; a dead service or a killed stack leaves nothing; --fresh and a stop start over',
  async (t) => {
    const [ports, folder] = [await freePorts(), await dataFolder(t)]
    const args = ['--data', folder, ...portFlags(ports)]
    const stack = await startedStack(t, args)
    const services = descendantsOf(stack.pid)
    t.equal(services.length, 3)

    for (const more of [[], ['--fresh']]) {
      const other = startStack(t, ['--data', folder, ...portFlags(await freePorts()), ...more])
      t.equal(await other.exit(), 1)
      t.match(other.output(), `A stack is running on ${folder} already. Stop it with Ctrl-C where it runs`)
    }
    t.ok(
      services.every(({ pid }) => isAlive(pid)),
      'the first one runs on',
    )

    const identity = services.find(({ command }) => command.includes('services/identity'))
    process.kill(identity?.pid ?? Number.NaN, 'SIGKILL')
    t.equal(await stack.exit(), 1)
    t.match(
      stack.output(),
      /identity ended by SIGKILL, so everything is stopped\. Its last lines:\n {2}info .*All of its log: .*identity\.log/s,
    )
    t.strictSame(await survivors(services, 0), [])
    t.notOk(existsSync(join(folder, 'identity/command.sock')))

    const second = await startedStack(t, args)
    const orphans = descendantsOf(second.pid)
    t.equal(orphans.length, 3)
    second.kill('SIGKILL')
    t.equal(await second.exit(), null)
    t.strictSame(await survivors(orphans, LEFTOVER_MS), [], 'the services noticed')

    const secrets = join(folder, 'secrets.json')
    await writeFile(secrets, 'damaged')
    const damaged = startStack(t, args)
    t.equal(await damaged.exit(), 1)
    t.match(damaged.output(), /secrets\.json is damaged\. Start over with --fresh/)

    const fresh = startStack(t, [...args, '--fresh'])
    await fresh.until('identity service')
    const early = descendantsOf(fresh.pid)
    fresh.kill('SIGINT')
    t.equal(await fresh.exit(), 0, 'a stop while it starts is a stop')
    t.strictSame(await survivors(early, 0), [])

    const last = startStack(t, [...args, '--quiet'])
    await last.until('Meridian runs')
    t.match(last.output(), /^Meridian runs \(after [0-9.]+ s\)\.\n$/)
    t.strictSame(await (await fetch(`http://127.0.0.1:${ports.mail}/messages`)).json(), [])
    last.kill('SIGHUP')
    t.equal(await last.exit(), 0)
  },
)

t.test('a start by npx ends when npx is ended, though no signal reaches it', async (t) => {
  const args = ['--data', await dataFolder(t), ...portFlags(await freePorts())]
  const chain = `sh -c '"$0" "$@"; exit' ${[process.execPath, START, ...args].join(' ')}; exit`
  const npx = spawn('bash', ['-c', chain], { argv0: 'npm exec pnpm@12 start', stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  for await (const text of npx.stdout.setEncoding('utf8')) {
    output += text
    if (npx.killed || !output.includes('identity service')) continue
    npx.kill('SIGKILL')
  }
  // The output ends with the last process that could write to it.
  t.match(output, /Stopped\. Nothing is left running\.\n$/)
})
