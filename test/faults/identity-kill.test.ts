// SECURITY 2, F16 and F17: killed at any moment and started again, the service has lost nothing that it answered
// with 200, and nobody is signed out by it.
import { randomBytes } from 'node:crypto'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import t, { type Test } from 'tap'
import { startMailCatcher } from '../../infra/local/mail-catcher/mail-catcher.ts'
import { importDirectory } from '../../services/identity/src/directory/import-directory.ts'
import { applyRegistry } from '../../services/identity/src/directory/registry.ts'
import { openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { emptyDataFolder } from '../support/data-folder.ts'
import { onPostgresql, type Place } from '../support/databases.ts'
import { challengeOf, idempotencyKey, people, registry, verifierOf } from '../support/identity.ts'
import { freePort, type IdentityProcess, identityEnvironment, spawnIdentity } from '../support/identity-process.ts'

type Answer = { readonly status: number; readonly body: Record<string, unknown> }

async function post(url: string, path: string, form: Record<string, string>, key?: string): Promise<Answer> {
  const headers = key === undefined ? {} : { 'idempotency-key': key }
  const body = new URLSearchParams(form)
  const reply = await fetch(`${url}${path}`, { method: 'POST', body, headers, signal: AbortSignal.timeout(5000) })
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> }
}

/** Sends until something answers: what a client does that lost the connection. */
async function persist(send: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 0; attempt < 1600; attempt += 1) {
    const answer = await send().catch(() => undefined)
    if (answer !== undefined && answer.status < 500) return answer
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('the service did not come back')
}

async function signIn(url: string, mailPort: number, email: string): Promise<string> {
  const verifier = verifierOf()
  const client = { client_id: 'native' }
  const started = await post(url, '/oauth/challenge', {
    ...client,
    method: 'email',
    contact: email,
    code_challenge: challengeOf(verifier),
    code_challenge_method: 'S256',
  })
  let otp: string | undefined
  for (let attempt = 0; attempt < 200 && otp === undefined; attempt += 1) {
    const reply = await fetch(`http://127.0.0.1:${mailPort}/messages?to=${email}`)
    const [mail] = (await reply.json()) as { text: string }[]
    otp = /\b[0-9]{6}\b/.exec(mail?.text ?? '')?.[0]
    if (otp === undefined) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const form = { ...client, auth_session: String(started.body['auth_session']), otp: otp ?? '' }
  const code = String((await post(url, '/oauth/challenge', form)).body['authorization_code'])
  const redeemed = await post(url, '/oauth/token', {
    ...client,
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
  })
  return String(redeemed.body['refresh_token'])
}

async function survivesKills(t: Test, place: Place, rounds: number): Promise<void> {
  const dataFolder = await emptyDataFolder(t)
  const catcher = await startMailCatcher({ smtpPort: 0, httpPort: 0, log: () => {} })
  const environment = identityEnvironment({
    port: await freePort(),
    smtpPort: catcher.smtpPort,
    dataFolder,
    url: place.url,
  })
  const db = await openIdentityStore({ ...place, embedded: { folder: dataFolder } })
  await applyRegistry({ db }, registry)
  await importDirectory({ db, makeId: createUuidV7({ now: Date.now, randomBytes }) }, people)
  await db.close()
  let service: IdentityProcess = await spawnIdentity(environment)
  t.teardown(async () => {
    await service.kill()
    await catcher.stop()
  })
  const { url } = service
  const devices = await Promise.all(
    ['lin@acme.test', 'ada@acme.test', 'max@globex.test', 'sam@both.test'].map((email) =>
      signIn(url, catcher.httpPort, email),
    ),
  )
  let isOver = false
  let rotations = 0
  const loops = devices.map(async (first) => {
    let token = first
    while (!isOver) {
      const key = idempotencyKey()
      const form = { grant_type: 'refresh_token', client_id: 'native', refresh_token: token }
      const answer = await persist(() => post(url, '/oauth/token', form, key))
      if (answer.status !== 200) throw new Error(`signed out: ${JSON.stringify(answer.body)}`)
      token = String(answer.body['refresh_token'])
      rotations += 1
    }
    return token
  })
  const all = Promise.all(loops)
  all.catch(() => {
    isOver = true
  })
  for (let round = 0; round < rounds && !isOver; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 150 + ((round * 97) % 350)))
    await service.kill()
    service = await spawnIdentity(environment)
  }
  const before = rotations
  await new Promise((resolve) => setTimeout(resolve, 300))
  isOver = true
  const heads = await all
  t.ok(rotations > before && rotations > rounds, `${rotations} rotations over ${rounds} kills, and nobody signed out`)
  for (const head of heads) {
    const form = { grant_type: 'refresh_token', client_id: 'native', refresh_token: head }
    t.equal((await post(url, '/oauth/token', form, idempotencyKey())).status, 200, 'the head that was answered is live')
  }
  t.equal(await service.stop(), 0, 'and it stops when asked')
  service = await spawnIdentity(environment)
  const revoked = await post(url, '/oauth/token', {
    grant_type: 'refresh_token',
    client_id: 'native',
    refresh_token: devices[0] ?? '',
  })
  t.match([revoked.status, revoked.body['error']], [400, 'invalid_grant'], 'a restart forgets no spent token (A31)')
}

t.setTimeout(240_000)

t.test('kills on the embedded database', { timeout: 120_000 }, (t) => survivesKills(t, {}, 2))

t.test('kills', { timeout: 120_000 }, (t) =>
  onPostgresql(t, 'kills on PostgreSQL', async (t, place) => {
    t.setTimeout(110_000)
    await survivesKills(t, await place('identity'), 5)
  }),
)
