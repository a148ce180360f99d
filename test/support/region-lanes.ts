// What a region asks the centre for, as its own client.
import { type RevocationPage, revocationPageSchema } from '@meridian/protocol/revocations'
import { basic, type Instance, REGION_SECRETS } from './identity.ts'

export async function regionToken(instance: Pick<Instance, 'post'>, region: 'in' | 'us'): Promise<string> {
  const grant = { grant_type: 'client_credentials' }
  const reply = await instance.post('/oauth/token', grant, basic(`region-${region}`, REGION_SECRETS[region]))
  return String(reply.body['access_token'])
}

export type Asker = { ask(after?: string, waitSeconds?: number): Promise<RevocationPage> }

/** Asks as a region would; a token that has expired is renewed. */
export async function askerOf(instance: Pick<Instance, 'post' | 'get'>, region: 'in' | 'us'): Promise<Asker> {
  let token = await regionToken(instance, region)
  return {
    ask: async (after, waitSeconds = 0) => {
      const query = new URLSearchParams({ wait: String(waitSeconds), ...(after === undefined ? {} : { after }) })
      const send = () => instance.get(`/v1/regions/${region}/revocations?${query}`, token)
      let reply = await send()
      if (reply.status === 401) {
        token = await regionToken(instance, region)
        reply = await send()
      }
      if (reply.status !== 200) throw new Error(`the lane: ${reply.status} ${reply.text}`)
      return revocationPageSchema.parse(reply.body)
    },
  }
}

export type Round = Pick<RevocationPage, 'full' | 'revocations' | 'cursor'> & { readonly pages: number }

/** One round to its end. */
export async function readRound(asker: Asker, after?: string): Promise<Round> {
  const revocations: RevocationPage['revocations'] = []
  for (let pages = 1, cursor = after; ; pages += 1) {
    const page = await asker.ask(cursor)
    revocations.push(...page.revocations)
    cursor = page.cursor
    if (!page.more) return { full: page.full, revocations, cursor, pages }
  }
}
