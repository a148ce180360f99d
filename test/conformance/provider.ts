// The identity service as a conformance module meets it: known by its issuer alone, with a browser to sign in at.
import type { Test } from 'tap'
import { embeddedPlace, shiftClock } from '../support/databases.ts'
import { follow, type HostedBrowser, openBrowser, signInAtPages } from '../support/hosted-browser.ts'
import { type IdentityUnderTest, ISSUER, type Reply, startIdentity } from '../support/identity.ts'
import type { Asked, Send } from './protocol-rules.ts'
import { conformanceRegistry, type RegisteredClient } from './registered-clients.ts'
import { discover, type Parameters, RelyingParty, type Tokens } from './relying-party.ts'

/** Of one organization in one region, so that nothing needs to be chosen. */
export const PERSON = 'lin@acme.test'

export type Provider = {
  readonly identity: IdentityUnderTest
  readonly send: Send
  relyingParty(client: RegisteredClient): Promise<RelyingParty>
  /** A browser that nobody has signed in at. */
  browser(): HostedBrowser
  /** Lets so many seconds pass, for the provider and its clients. */
  pass(seconds: number): Promise<void>
}

/** One service for the modules of a file; codes are mailed as often as they are wanted. */
export async function startProvider(t: Test): Promise<Provider> {
  const identity = await startIdentity(t, await embeddedPlace('identity'), {
    registry: conformanceRegistry,
    settings: { otpResendSeconds: 0, otpSendsPerHour: 1000, otpSendsPerDay: 1000 },
  })
  let passedSeconds = 0
  const send: Send = ({ method, url, headers = {}, form }) =>
    identity.inject({
      method,
      url: pathOf(url),
      headers: {
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(form === undefined ? {} : { payload: new URLSearchParams(form).toString() }),
    })
  return {
    identity,
    send,
    relyingParty: async (client) =>
      new RelyingParty({
        send,
        metadata: await discover(send, ISSUER),
        client,
        nowSeconds: () => Math.floor(Date.now() / 1000) + passedSeconds,
      }),
    browser: () => openBrowser(identity),
    pass: async (seconds) => {
      passedSeconds += seconds
      await shiftClock(identity.db, passedSeconds)
    },
  }
}

/** A URL of the provider as a path of it. */
export function pathOf(url: string): string {
  if (!url.startsWith(`${ISSUER}/`)) throw new Error(`not a URL of the provider: ${url}`)
  return url.slice(ISSUER.length)
}

export type Visited = { readonly reply: Reply; readonly signedInAtPages: boolean }

/** Sends the browser to the authorization endpoint; whoever is asked to sign in does so. */
export async function visit(provider: Provider, browser: HostedBrowser, asked: Asked): Promise<Visited> {
  const reply = await follow(browser, await browser.get(pathOf(asked.url)))
  if (reply.status !== 200 || !reply.text.includes('action="/sign-in"')) return { reply, signedInAtPages: false }
  return { reply: await signInAtPages(provider.identity, browser, PERSON, reply), signedInAtPages: true }
}

export type Flow = { readonly asked: Asked; readonly tokens: Tokens; readonly signedInAtPages: boolean }

/** The whole authorization code flow, every step of it verified. */
export async function flow(
  provider: Provider,
  party: RelyingParty,
  browser: HostedBrowser,
  parameters: Parameters = {},
): Promise<Flow> {
  const asked = party.ask(parameters)
  const { reply, signedInAtPages } = await visit(provider, browser, asked)
  return { asked, tokens: await party.redeem(asked, party.readCode(asked, reply)), signedInAtPages }
}
