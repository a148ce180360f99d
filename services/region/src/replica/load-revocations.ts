import { type ReceivedRevocationPage, receivedRevocationPageSchema } from '@meridian/protocol/revocations'
import { readBoundedText } from '@meridian/resource-server/bounded-text'
import type { Centre } from '@meridian/resource-server/centre'
import { CentreUnavailable } from '@meridian/resource-server/centre-token'

/** Beyond the time that the centre was asked to wait. */
const TIMEOUT_MS = 5_000
/** A page of the longest entries many times over. */
const ANSWER_MAX_BYTES = 4 * 1024 * 1024

/** Asks the centre what this region must refuse. */
export function createRevocationLoader(centre: Centre, region: string) {
  const path = `/v1/regions/${encodeURIComponent(region)}/revocations`
  return async (after: string | null, waitSeconds: number, stopping: AbortSignal): Promise<ReceivedRevocationPage> => {
    const query = new URLSearchParams({ wait: String(waitSeconds), ...(after === null ? {} : { after }) })
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(waitSeconds * 1000 + TIMEOUT_MS)])
    const response = await centre.ask(`${path}?${query}`, signal)
    const text = await readBoundedText(response, ANSWER_MAX_BYTES)
    if (response.status !== 200) throw new CentreUnavailable('the centre told no revocations', response.status)
    return receivedRevocationPageSchema.parse(JSON.parse(text))
  }
}
