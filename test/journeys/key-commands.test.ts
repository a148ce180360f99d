// The operator's commands for signing keys, as they are typed: against a running service, and where none runs.
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { freePort, identityEnvironment, spawnIdentity } from '../support/identity-process.ts'
import { meridian } from '../support/meridian-command.ts'

/** What README promises of other processes. */
const FOLLOWS_WITHIN_MS = 2000

t.setTimeout(180_000)

t.test('an operator looks at the keys, is told what would be, and rotates after a leak', async (t) => {
  const port = await freePort()
  const environment = identityEnvironment({ port, smtpPort: await freePort(), dataFolder: t.testdir() })
  const operator = { PATH: environment['PATH'], DATA_FOLDER: environment['DATA_FOLDER'] }
  const service = await spawnIdentity(environment)
  t.teardown(() => service.kill())
  const kids = async (): Promise<string[]> => {
    const { keys } = (await (await fetch(`${service.url}/oauth/jwks`)).json()) as { keys: { kid: string }[] }
    return keys.map(({ kid }) => kid)
  }
  const before = await kids()

  const listed = await meridian(operator, 'keys', 'list')
  t.equal(listed.code, 0)
  for (const kid of before) t.match(listed.out, `kid ${kid}`)
  t.match(listed.out, /status active/)
  const { keys } = JSON.parse((await meridian(operator, 'keys', 'list', '--json')).out)
  t.strictSame(
    keys.map((key: { kid: string }) => key.kid),
    before,
  )

  t.match(await meridian(operator, 'keys', 'rotate'), { code: 2, err: /emergency: is needed.*meridian keys stage/s })
  t.match(await meridian(operator, 'keys', 'activate', '--alg', 'HS256'), { code: 2, err: /alg: / })
  t.match(await meridian(operator, 'keys'), { code: 2, err: /Which of them\?/ })
  const dry = await meridian(operator, 'keys', 'rotate', '--emergency', '--dry-run')
  t.match(dry, { code: 0, out: /dry_run: true.*revoke.*activate a new key.*warning: Every access token/s })
  t.strictSame(await kids(), before, 'a dry run does nothing')

  const done = await meridian(operator, 'keys', 'rotate', '--emergency', '--alg', 'ES256', '--json')
  t.equal(done.code, 0, done.err)
  const doneAt = Date.now()
  const { changes } = JSON.parse(done.out)
  const successor = changes.at(-1).activate
  while (!(await kids()).includes(successor) && Date.now() - doneAt < FOLLOWS_WITHIN_MS) await wait(20)
  const after = await kids()
  t.ok(after.includes(successor), 'the running service shows the new key')
  t.notOk(after.includes(changes[0].revoke), 'and no longer the old one')
  t.ok(Date.now() - doneAt < FOLLOWS_WITHIN_MS, `${Date.now() - doneAt} ms`)
  t.equal(await service.stop(), 0)

  t.match(await meridian(operator, 'keys', 'stage'), { code: 1, err: /needs SEAL_KEYS/ }, 'without the service')
  const sealed = { ...operator, SEAL_KEYS: environment['SEAL_KEYS'] }
  t.match(await meridian(sealed, 'keys', 'stage', '--alg', 'ES256'), {
    code: 0,
    out: /changes:\n {2}stage \S{43} · alg ES256/,
  })
  t.match(await meridian(sealed, 'keys', 'list'), { code: 0, out: /staged.*waits_for staging, 60 min, region in/ })
})
