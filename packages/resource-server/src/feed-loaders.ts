// Asks the centre for a region's change feed: pages of changes, the list of what is to be seen now, its digests.
import {
  type DigestsPage,
  FEED_PAGE_MAX,
  type ReceivedChanges,
  type ReceivedSnapshot,
  receivedChangesSchema,
  receivedDigestsSchema,
  receivedSnapshotSchema,
} from '@meridian/protocol/feed'
import type { z } from 'zod'
import { readBoundedText } from './bounded-text.ts'
import type { Centre } from './centre.ts'
import { CentreUnavailable } from './centre-token.ts'
import type { Span } from './replica-spans.ts'

/** The centre no longer knows the place that was asked from (410 `cursor_gone`). */
export class CursorGone extends Error {
  constructor() {
    super('the centre no longer knows this place in the feed')
    this.name = 'CursorGone'
  }
}

/** The centre would rather be asked later (429 with Retry-After, RFC 9110 §10.2.3): nothing is wrong. */
export class CentreBusy extends Error {
  readonly retryAfterMs: number
  constructor(retryAfterMs: number) {
    super('the centre would rather be asked later')
    this.name = 'CentreBusy'
    this.retryAfterMs = retryAfterMs
  }
}

export interface FeedLoaders {
  /** What comes after a cursor (null: everything), at once or when there is something. Errors: CursorGone, CentreBusy. */
  loadChanges(after: string | null, waitSeconds: number, signal: AbortSignal): Promise<ReceivedChanges>
  /** Errors: CentreBusy. */
  /** At most `limit` entries. */
  loadSnapshot(span: Span, signal: AbortSignal, limit?: number): Promise<ReceivedSnapshot>
  /** Errors: CentreBusy. */
  loadDigests(after: string | null, signal: AbortSignal): Promise<DigestsPage>
}

const CHANGES_MAX = 500
const TIMEOUT_MS = 10_000
/** Beyond the time that the centre was asked to wait. */
const CHANGES_TIMEOUT_MS = 8_000
/** Half of what routes that ask for fresh news bear. */
const RETRY_AFTER_MAX_SECONDS = 30
/** A page of organizations with large settings. */
const ANSWER_MAX_BYTES = 32 * 1024 * 1024

export function createFeedLoaders(centre: Centre, region: string): FeedLoaders {
  const path = `/v1/regions/${encodeURIComponent(region)}`

  async function load<Schema extends z.ZodType>(
    schema: Schema,
    what: 'changes' | 'snapshot' | 'digests',
    query: Readonly<Record<string, string | null>>,
    { stopping, timeoutMs }: { stopping: AbortSignal; timeoutMs: number },
  ): Promise<z.output<Schema>> {
    const given = Object.entries(query).flatMap(([name, value]) => (value === null ? [] : [[name, value]]))
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)])
    const response = await centre.ask(`${path}/${what}?${new URLSearchParams(given)}`, signal)
    const text = await readBoundedText(response, ANSWER_MAX_BYTES)
    if (response.status === 410) throw new CursorGone()
    const retryAfterMs = response.status === 429 ? readRetryAfterMs(response) : null
    if (retryAfterMs !== null) throw new CentreBusy(retryAfterMs)
    if (response.status !== 200) throw new CentreUnavailable(`the centre told no ${what}`, response.status)
    return schema.parse(JSON.parse(text))
  }

  /** Halved where a page fails: it may be too large for the link. */
  let changesMax = CHANGES_MAX

  return {
    loadChanges: async (after, waitSeconds, stopping) => {
      const query = { after, wait: String(waitSeconds), limit: String(changesMax) }
      const timeoutMs = waitSeconds * 1000 + CHANGES_TIMEOUT_MS
      try {
        const page = await load(receivedChangesSchema, 'changes', query, { stopping, timeoutMs })
        changesMax = Math.min(changesMax * 2, CHANGES_MAX)
        return page
      } catch (error) {
        const isOfThePage = !stopping.aborted && !(error instanceof CursorGone) && !(error instanceof CentreBusy)
        if (isOfThePage) changesMax = Math.max(Math.floor(changesMax / 2), 1)
        throw error
      }
    },
    loadSnapshot: ({ after, through }, stopping, limit = FEED_PAGE_MAX) => {
      const query = { after, through, limit: String(limit) }
      return load(receivedSnapshotSchema, 'snapshot', query, { stopping, timeoutMs: TIMEOUT_MS })
    },
    loadDigests: (after, stopping) =>
      load(receivedDigestsSchema, 'digests', { after }, { stopping, timeoutMs: TIMEOUT_MS }),
  }
}

/** Null where it does not say how many seconds; a date is not understood. */
function readRetryAfterMs(response: Response): number | null {
  const said = response.headers.get('retry-after') ?? ''
  if (!/^\d{1,9}$/.test(said)) return null
  return Math.min(Math.max(Number(said), 1), RETRY_AFTER_MAX_SECONDS) * 1000
}
