// The identity service on a port of this machine, for libraries that speak HTTP by themselves; its pages are visited
// by a browser that keeps cookies.
import type { AddressInfo } from 'node:net'
import type { InjectOptions } from 'fastify'
import type { Test } from 'tap'
import { embeddedPlace } from '../../support/databases.ts'
import { follow, type HostedBrowser, locationOf, openBrowser, signInAtPages } from '../../support/hosted-browser.ts'
import { type IdentityUnderTest, type Reply, startIdentity } from '../../support/identity.ts'
import { freePort } from '../../support/identity-process.ts'
import { PERSON } from '../provider.ts'
import { conformanceRegistry, type RegisteredClient } from '../registered-clients.ts'

export type ListeningProvider = {
  readonly issuer: URL
  readonly identity: IdentityUnderTest
  browser(): HostedBrowser
  /** Goes to the authorization endpoint, signs in where it is asked to, and comes back to the client with this. */
  authorize(browser: HostedBrowser, url: URL): Promise<URL>
}

export async function startListeningProvider(t: Test): Promise<ListeningProvider> {
  const port = await freePort()
  const issuer = new URL(`http://localhost:${port}`)
  const identity = await startIdentity(t, await embeddedPlace('identity'), {
    registry: conformanceRegistry,
    settings: { issuer: issuer.origin, otpResendSeconds: 0, otpSendsPerHour: 1000, otpSendsPerDay: 1000 },
  })
  await identity.app.listen({ port, host: '127.0.0.1' })
  if ((identity.app.server.address() as AddressInfo).port !== port) throw new Error('listens elsewhere')
  const overHttp = { inject: (request: InjectOptions) => send(issuer, request) }
  return {
    issuer,
    identity,
    browser: () => openBrowser(overHttp),
    authorize: async (browser, url) => {
      const page = await follow(browser, await browser.get(url.pathname + url.search))
      const back = page.status === 200 ? await signInAtPages(identity, browser, PERSON, page) : page
      return new URL(locationOf(back))
    },
  }
}

async function send(issuer: URL, { method = 'GET', url, headers, payload }: InjectOptions): Promise<Reply> {
  const body = payload === undefined ? {} : { body: String(payload) }
  const sent = { method, headers: headers as Record<string, string>, redirect: 'manual', ...body } as const
  const response = await fetch(new URL(String(url), issuer), sent)
  const received = Object.fromEntries(response.headers)
  return {
    status: response.status,
    body: {},
    text: await response.text(),
    headers: { ...received, 'set-cookie': response.headers.getSetCookie() },
  }
}

/** The secret of a client that has one. */
export function secretOf({ proof, id }: RegisteredClient): string {
  if (!('secret' in proof)) throw new Error(`${id} has no secret`)
  return proof.secret
}

/** The key of a client that has one, for Web Cryptography. */
export function signingKeyOf({ proof, id }: RegisteredClient): { key: CryptoKey; kid: string } {
  if (proof.method !== 'private_key_jwt') throw new Error(`${id} has no key`)
  const key = proof.privateKey.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  return { key: key as CryptoKey, kid: proof.kid }
}

/** The OAuth error that a library's rejection tells of; undefined where it tells of none, or did not reject. */
export async function errorOf(request: Promise<unknown>): Promise<unknown> {
  const failure: unknown = await request.then(
    () => undefined,
    (error: unknown) => error,
  )
  return typeof failure === 'object' && failure !== null && 'error' in failure ? failure.error : undefined
}
