// How a domain goes on after a look at its TXT record: pending → active ⇄ degraded → disabled → released, and back to
// active from each but the last by being proved again. A look that got no answer moves nothing.
export type DomainStatus = 'pending' | 'active' | 'degraded' | 'disabled' | 'released'

export type Look = 'proved' | 'unproved' | 'unanswered'

export type DomainLimits = {
  /** How long a domain without its record is served, and how long it is kept. */
  readonly domainGraceSeconds: number
  readonly domainLapseSeconds: number
}

/** `failingSeconds`: how long the record has been missing; 0 where it was there the last time. */
export function statusAfter(
  status: Exclude<DomainStatus, 'released'>,
  failingSeconds: number,
  look: Look,
  limits: DomainLimits,
): DomainStatus {
  if (look === 'proved') return 'active'
  if (look === 'unanswered' || status === 'pending') return status
  if (failingSeconds >= limits.domainLapseSeconds) return 'released'
  if (status === 'disabled' || failingSeconds >= limits.domainGraceSeconds) return 'disabled'
  return 'degraded'
}
