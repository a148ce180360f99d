// The rule of refresh rotation, without I/O: what a genuine token means for its family as it stands.
// RFC 9700 §4.14.2 asks for reuse detection; the retries that it must not mistake for reuse are told apart here.

export type FamilyState = {
  readonly counter: number
  readonly epoch: string
  readonly currentEpoch: string
  readonly secondsSinceRotation: number
  readonly retryKeyHash: Uint8Array | null
  readonly isExpired: boolean
  readonly isRevoked: boolean
  /** Person, session and client are all still allowed to act. */
  readonly arePartiesLive: boolean
}

export type PresentedToken = {
  readonly counter: number
  readonly epoch: string
  readonly retryKeyHash: Uint8Array | null
}

export type Verdict =
  /** The live head: it may be rotated. */
  | 'head'
  /** The direct predecessor of an unused head, asked for again: the same successor once more. */
  | 'repeat'
  /** Somebody kept a token that was spent: the family and its session die. */
  | 'reuse'
  /** The token is ahead of the family, or of another epoch: the centre was restored from a backup. */
  | 'restored'
  | 'party_gone'
  | 'ended'

export function judgePresentation(family: FamilyState, presented: PresentedToken, graceSeconds: number): Verdict {
  if (family.isRevoked || family.isExpired) return 'ended'
  if (presented.epoch !== family.currentEpoch || family.epoch !== family.currentEpoch) return 'restored'
  if (family.counter < presented.counter) return 'restored'
  if (!family.arePartiesLive) return 'party_gone'
  if (family.counter === presented.counter) return 'head'
  if (family.counter !== presented.counter + 1) return 'reuse'
  const isSameRequest = isSameKey(family.retryKeyHash, presented.retryKeyHash)
  return isSameRequest || family.secondsSinceRotation <= graceSeconds ? 'repeat' : 'reuse'
}

function isSameKey(held: Uint8Array | null, presented: Uint8Array | null): boolean {
  return held !== null && presented !== null && Buffer.compare(held, presented) === 0
}
