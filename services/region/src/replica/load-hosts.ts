import { type HostMap, heldHostMapSchema } from '@meridian/protocol/hosts'
import { readBoundedText } from '@meridian/resource-server/bounded-text'
import type { Centre } from '@meridian/resource-server/centre'
import { CentreUnavailable } from '@meridian/resource-server/centre-token'

const TIMEOUT_MS = 10_000
/** 100,000 hosts of the longest kind, half of them moved. */
const ANSWER_MAX_BYTES = 64 * 1024 * 1024

/** Asks the centre for this region's tenant hosts. */
export function createHostLoader(centre: Centre, region: string): (stopping: AbortSignal) => Promise<HostMap> {
  const path = `/v1/regions/${encodeURIComponent(region)}/hosts?form=2`
  return async (stopping) => {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(TIMEOUT_MS)])
    const response = await centre.ask(path, signal)
    const text = await readBoundedText(response, ANSWER_MAX_BYTES)
    if (response.status !== 200) throw new CentreUnavailable('the centre gave no host map', response.status)
    return heldHostMapSchema.parse(JSON.parse(text))
  }
}
