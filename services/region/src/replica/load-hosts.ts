import { type HostMap, hostMapSchema } from '@meridian/protocol/hosts'
import { readBoundedText } from '@meridian/resource-server/bounded-text'
import { type CentreOptions, CentreUnavailable, createCentreToken } from './centre-token.ts'

const TIMEOUT_MS = 10_000
/** 100,000 hosts of the longest kind. */
const ANSWER_MAX_BYTES = 32 * 1024 * 1024

/** Asks the centre for this region's tenant hosts; a token that it no longer takes is renewed once. */
export function createHostLoader(
  options: CentreOptions & { region: string },
): (stopping: AbortSignal) => Promise<HostMap> {
  const centreToken = createCentreToken(options)
  const url = `${options.identityUrl}/v1/regions/${encodeURIComponent(options.region)}/hosts`

  async function ask(signal: AbortSignal): Promise<Response> {
    const authorization = `Bearer ${await centreToken.get(signal)}`
    return options.fetch(url, { headers: { authorization, accept: 'application/json' }, redirect: 'error', signal })
  }

  return async (stopping) => {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(TIMEOUT_MS)])
    let response = await ask(signal)
    if (response.status === 401) {
      await response.body?.cancel()
      centreToken.forget()
      response = await ask(signal)
    }
    const text = await readBoundedText(response, ANSWER_MAX_BYTES)
    if (response.status !== 200) throw new CentreUnavailable('the centre gave no host map', response.status)
    return hostMapSchema.parse(JSON.parse(text))
  }
}
