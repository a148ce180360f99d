import { tokenResponseSchema } from '@meridian/protocol/oauth'
import { readBoundedText } from './bounded-text.ts'

export type CentreOptions = {
  /** Where the identity service is reached; what its tokens call themselves is another setting. */
  readonly identityUrl: string
  readonly clientId: string
  readonly clientSecret: string
  readonly fetch: typeof globalThis.fetch
  readonly nowMs: () => number
}

export interface CentreToken {
  /** A client token of this region (RFC 6749 §4.4), the one held while it lasts; who ask together get one. */
  get(signal: AbortSignal): Promise<string>
  /** The centre no longer takes it. */
  forget(): void
}

/** No answer, or none that can be used; the public part of the centre's answer is not repeated. */
export class CentreUnavailable extends Error {
  constructor(what: string, status?: number) {
    super(status === undefined ? what : `${what}: status ${status}`)
    this.name = 'CentreUnavailable'
  }
}

const ANSWER_MAX_BYTES = 16 * 1024
/** Not used up to the last moment: the clocks differ, and a request takes its time. */
const RENEW_EARLY_MS = 60_000

export function createCentreToken(options: CentreOptions): CentreToken {
  let held: { token: string; renewAtMs: number } | null = null
  let asking: Promise<string> | null = null

  async function request(signal: AbortSignal): Promise<string> {
    const response = await options.fetch(`${options.identityUrl}/oauth/token`, {
      method: 'POST',
      headers: { authorization: basicCredentials(options), accept: 'application/json' },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
      redirect: 'error',
      signal,
    })
    const text = await readBoundedText(response, ANSWER_MAX_BYTES)
    if (response.status !== 200) throw new CentreUnavailable('the centre gave no client token', response.status)
    const { access_token: token, expires_in: expiresInSeconds } = tokenResponseSchema.parse(JSON.parse(text))
    held = { token, renewAtMs: options.nowMs() + expiresInSeconds * 1000 - RENEW_EARLY_MS }
    return token
  }

  return {
    get: async (signal) => {
      if (held !== null && options.nowMs() < held.renewAtMs) return held.token
      asking ??= request(signal).finally(() => {
        asking = null
      })
      return asking
    },
    forget: () => {
      held = null
    },
  }
}

/** RFC 6749 §2.3.1: both halves form-encoded before they are joined. */
function basicCredentials({ clientId, clientSecret }: CentreOptions): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64')}`
}
