// Guarded requests a second: a Fastify route behind packages/resource-server beside the same route with no guard.
import { createHash, createPrivateKey, generateKeyPairSync, type JsonWebKey, randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import type { Load } from './load-process.ts'
import type { Section } from './report.ts'
import { measureSides, type Plan, type Side } from './rounds.ts'
import { findFreePort, type ServerProcess, startServer } from './server-process.ts'

const SCRIPT = fileURLToPath(new URL('./guarded-route/main.ts', import.meta.url))
const AUDIENCE = 'https://api.in.example.test'
const REGION = 'in'
const PATH = '/resource'
const TOKENS_IN_ROTATION = 1000
/** More than the fastest side can answer; what is left over costs nothing. */
const UNSEEN_PER_SECOND = 16_000
/** Longer than all rounds of a case: run.ts limits them. */
const TOKEN_SECONDS = 900
const BASE = 'no guard'

type Issuer = {
  readonly url: string
  readonly key: JsonWebKey
  readonly header: Readonly<Record<string, unknown>>
  claims(): Readonly<Record<string, unknown>>
  sign(): string
  stop(): Promise<void>
}

export async function benchVerify(
  load: Load,
  plan: Plan,
  profileFolder: string | undefined,
): Promise<readonly Section[]> {
  const issuer = await startIssuer()
  const servers: ServerProcess[] = []
  try {
    const sides: { name: string; server: ServerProcess }[] = []
    for (const [name, guard] of [
      [BASE, 'none'],
      ['resource-server', 'resource-server'],
      ['@fastify/jwt + get-jwks', 'fastify-jwt'],
    ] as const) {
      const server = await startGuarded(guard, issuer.url, guard === 'resource-server' ? profileFolder : undefined)
      servers.push(server)
      sides.push({ name, server })
    }
    return await measureCases(load, plan, issuer, (scenario) => sides.map((side) => ({ ...side, scenario })))
  } finally {
    for (const server of servers) await server.stop()
    await issuer.stop()
  }
}

async function measureCases(
  load: Load,
  plan: Plan,
  issuer: Issuer,
  sidesOf: (scenario: string) => readonly Side[],
): Promise<readonly Section[]> {
  const get = () => ({ method: 'GET', path: PATH, token: issuer.sign() }) as const
  const repeat = (tokens: number) => ({ kind: 'repeat', requests: Array.from({ length: tokens }, get) }) as const
  const unseen = () => {
    const count = UNSEEN_PER_SECOND * Math.max(plan.secondsPerRound, plan.warmUpSeconds)
    const { key, header } = issuer
    return { kind: 'unseen-tokens', path: PATH, count, key, header, claims: issuer.claims() } as const
  }
  const sections: Section[] = []
  for (const [title, once, beforeRound] of [
    ['verify: one token, again and again', repeat(1), undefined],
    [`verify: ${TOKENS_IN_ROTATION} tokens in rotation`, repeat(TOKENS_IN_ROTATION), undefined],
    ['verify: tokens never seen before', undefined, () => load.prepare('get', unseen())],
  ] as const) {
    plan.say(title)
    if (once !== undefined) await load.prepare('get', once)
    const figures = await measureSides(load, sidesOf('get'), plan, beforeRound)
    sections.push({ title, figures, base: BASE, notes: [] })
  }
  return sections
}

async function startGuarded(guard: string, issuer: string, profileFolder: string | undefined): Promise<ServerProcess> {
  return startServer({
    script: SCRIPT,
    port: await findFreePort(),
    readyPath: '/ready',
    profileFolder,
    environment: { GUARD: guard, ISSUER: issuer, AUDIENCE, REGION },
  })
}

/** Signs region tokens and publishes its key. */
async function startIssuer(): Promise<Issuer> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
  const document = JSON.stringify({ keys: [{ ...jwk, kid, alg: 'ES256', use: 'sig' }] })
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/jwk-set+json').end(document)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const header = { alg: 'ES256', typ: 'at+jwt', kid }
  const key = privateKey.export({ format: 'jwk' })
  const signingKey = createPrivateKey({ key, format: 'jwk' })
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = () => claimsNow(url)
  return {
    url,
    key,
    header,
    claims,
    sign: () => {
      const input = `${encode(header)}.${encode(claims())}`
      const signature = sign('sha256', Buffer.from(input), { key: signingKey, dsaEncoding: 'ieee-p1363' })
      return `${input}.${signature.toString('base64url')}`
    },
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const uuidV7 = () => `01930000-${randomUUID().slice(9, 13)}-7${randomUUID().slice(15)}`

function claimsNow(issuer: string): Readonly<Record<string, unknown>> {
  const now = Math.floor(Date.now() / 1000)
  return {
    iss: issuer,
    aud: AUDIENCE,
    sub: uuidV7(),
    iat: now,
    exp: now + TOKEN_SECONDS,
    jti: randomUUID(),
    client_id: 'native',
    sid: uuidV7(),
    scope: 'openid profile email',
    auth_time: now,
    amr: ['otp'],
    ver: 1,
    org_id: uuidV7(),
    region: REGION,
    role: 'manager',
    mid: uuidV7(),
    mv: 1,
  }
}
