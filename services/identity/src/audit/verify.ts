// Recomputes the chains from what the database says now, page by page, and holds them to their heads and to what was
// signed. Of each chain the first thing that is wrong is named: after it, everything is.
import { Refusal } from '../refusal.ts'
import {
  type CheckpointRow,
  countSealed,
  findCheckpointBeyond,
  findNextChain,
  findStrays,
  readChainHead,
  readCheckpoints,
  readSealedEvents,
  type SealedRow,
} from '../store/audit-chains.ts'
import { PLATFORM_CHAIN } from '../store/audit-rows.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { GENESIS, hashOf, type Place, personalDigestOf } from './chain.ts'
import type { CheckpointClaims, OpenCheckpoint } from './checkpoint.ts'

const PAGE_EVENTS = 500
const STRAY_PAGE_EVENTS = 5000
/** Enough to know that it is not one. */
const MAX_BROKEN = 1000
/** Signing keys are kept so long after they retired; what an older one signed, newer checkpoints vouch for. */
const KEYS_ARE_KEPT_SECONDS = 400 * 86_400

export type Fault =
  | 'place_missing'
  | 'event_missing'
  | 'event_moved'
  | 'event_changed'
  | 'personal_details_changed'
  | 'tail_missing'
  | 'head_differs'
  | 'checkpoint_forged'
  | 'checkpoint_differs'
  | 'never_sealed'

export type Broken = {
  readonly chain: string
  readonly seq: number | null
  readonly event: string | null
  readonly fault: Fault
}

export type Verification = {
  chains: number
  events: number
  /** Events whose personal details were erased. */
  erased: number
  /** Events that are not sealed yet. */
  waiting: number
  checkpoints: number
  /** Checkpoints whose key is not kept any more. */
  checkpoints_of_old_keys: number
  readonly broken: Broken[]
}

export type VerifyDeps = { readonly db: IdentityDb; readonly openCheckpoint: OpenCheckpoint }

export type VerifyOptions = {
  /** One chain alone. */
  readonly chain?: string | undefined
  /** Checkpoints that were kept outside, such as in a log. */
  readonly kept?: readonly string[]
  readonly onProgress?: (done: number, total: number) => void
}

/** Throws Refusal (invalid_request) for a kept checkpoint that is none of ours. */
export async function verifyAudit(deps: VerifyDeps, options: VerifyOptions = {}): Promise<Verification> {
  const { chain: only, onProgress = () => {} } = options
  const total = await countSealed(deps.db, only ?? null)
  const counted = { chains: 0, events: 0, erased: 0, waiting: 0, checkpoints: 0, checkpoints_of_old_keys: 0 }
  const found: Verification = { ...counted, broken: [] }
  const kept = (options.kept ?? []).map((token) => ({ token, claims: openKept(deps, token) }))
  const verify = async (chain: string) => {
    const own = kept.filter(({ claims }) => claims.chain === chain)
    const extra = own.map(({ token, claims }) => ({ token, seq: claims.seq }))
    const broken = await verifyChain(deps, chain, extra, found, () => onProgress(found.events, total))
    if (broken !== undefined) found.broken.push({ chain, ...broken })
    found.chains += 1
  }
  if (only !== undefined) await verify(only)
  else await verifyAll(deps, new Set(kept.map(({ claims }) => claims.chain)), verify)
  for await (const stray of findAllStrays(deps)) {
    if (found.broken.length >= MAX_BROKEN) break
    if (only === undefined || only === stray.chain) found.broken.push({ ...stray, seq: null, fault: 'never_sealed' })
  }
  return found
}

function openKept(deps: VerifyDeps, token: string): CheckpointClaims {
  const claims = deps.openCheckpoint(token)
  if (typeof claims === 'string')
    throw new Refusal('invalid_request', `a checkpoint that was given is no use: ${claims}`)
  return claims
}

/** Those that the database has, and those that it had when they were signed. */
async function verifyAll(deps: VerifyDeps, kept: Set<string>, verify: (chain: string) => Promise<void>): Promise<void> {
  for (
    let chain = await findNextChain(deps.db, null);
    chain !== undefined;
    chain = await findNextChain(deps.db, chain)
  ) {
    await verify(chain)
    kept.delete(chain)
  }
  for (const chain of kept) await verify(chain)
}

type Break = Omit<Broken, 'chain'>

async function verifyChain(
  deps: VerifyDeps,
  chain: string,
  kept: readonly CheckpointRow[],
  found: Verification,
  onPage: () => void,
): Promise<Break | undefined> {
  // Read first: what is sealed meanwhile lies beyond it.
  const head = await readChainHead(deps.db, chain)
  found.waiting += head.waiting
  let place = { seq: 0, hash: GENESIS }
  for (let isLast = false; !isLast; ) {
    const rows = await readSealedEvents(deps.db, chain, place.seq, PAGE_EVENTS)
    isLast = rows.length < PAGE_EVENTS
    const upTo = rows.at(-1)?.seq ?? place.seq
    const checkpoints = [...(await readCheckpoints(deps.db, chain, { after: place.seq, upTo })), ...kept]
    for (const row of rows) {
      const fault =
        faultOfEvent(row, { chain, seq: place.seq + 1, previousHash: place.hash }) ??
        (row.seq === head.seq && row.hash !== head.hash ? 'head_differs' : undefined) ??
        faultOfCheckpoints(deps, row, { chain, now: head.now, checkpoints }, found)
      if (fault !== undefined) return { seq: place.seq + 1, event: row.event_id, fault }
      place = row
      found.events += 1
      if (row.event?.personal_digest != null && row.event.personal === null) found.erased += 1
    }
    onPage()
  }
  const isSignedBeyond =
    (await findCheckpointBeyond(deps.db, chain, place.seq)) || kept.some(({ seq }) => seq > place.seq)
  if (head.seq > place.seq || isSignedBeyond) return { seq: place.seq + 1, event: null, fault: 'tail_missing' }
  return undefined
}

function faultOfEvent({ seq, hash, event }: SealedRow, place: Place): Fault | undefined {
  if (seq !== place.seq) return 'place_missing'
  if (event === undefined) return 'event_missing'
  if ((event.org_id ?? PLATFORM_CHAIN) !== place.chain) return 'event_moved'
  if (hashOf(event, place) !== hash) return 'event_changed'
  if (event.salt === null || event.personal === null) return undefined
  const personal = { salt: event.salt, details: event.personal }
  return personalDigestOf(personal) === event.personal_digest ? undefined : 'personal_details_changed'
}

function faultOfCheckpoints(
  deps: VerifyDeps,
  { seq, hash, event }: SealedRow,
  signed: { readonly chain: string; readonly now: number; readonly checkpoints: readonly CheckpointRow[] },
  found: Verification,
): Fault | undefined {
  for (const { token } of signed.checkpoints.filter((checkpoint) => checkpoint.seq === seq)) {
    const claims = deps.openCheckpoint(token)
    const isOld = event !== undefined && event.seconds < signed.now - KEYS_ARE_KEPT_SECONDS
    if (claims === 'forged' || (claims === 'unknown_key' && !isOld)) return 'checkpoint_forged'
    if (claims === 'unknown_key') found.checkpoints_of_old_keys += 1
    else if (claims.chain !== signed.chain || claims.seq !== seq || claims.hash !== hash) return 'checkpoint_differs'
    else found.checkpoints += 1
  }
  return undefined
}

async function* findAllStrays(deps: VerifyDeps): AsyncGenerator<{ readonly event: string; readonly chain: string }> {
  for (let after: string | null = null, isLast = false; !isLast; ) {
    const page = await findStrays(deps.db, after, STRAY_PAGE_EVENTS)
    yield* page.strays
    after = page.last
    isLast = page.seen < STRAY_PAGE_EVENTS
  }
}
