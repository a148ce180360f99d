import { type HostMap, hostMapSchema } from '@meridian/protocol/hosts'
import { readBoundedText } from '@meridian/resource-server/bounded-text'
import type { Centre } from './centre.ts'
import { CentreUnavailable } from './centre-token.ts'

const TIMEOUT_MS = 10_000
/** 100,000 hosts of the longest kind. */
const ANSWER_MAX_BYTES = 32 * 1024 * 1024

/** Asks the centre for this region's tenant hosts. */
export function createHostLoader(centre: Centre, region: string): (stopping: AbortSignal) => Promise<HostMap> {
  const path = `/v1/regions/${encodeURIComponent(region)}/hosts`
  return async (stopping) => {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(TIMEOUT_MS)])
    const response = await centre.ask(path, signal)
    const text = await readBoundedText(response, ANSWER_MAX_BYTES)
    if (response.status !== 200) throw new CentreUnavailable('the centre gave no host map', response.status)
    return hostMapSchema.parse(JSON.parse(text))
  }
}
