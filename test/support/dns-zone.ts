// The DNS as a test wants it: TXT records by name, names that nobody answers for, and what was asked.
import type { ResolveTxt, TxtAnswer } from '../../services/identity/src/directory/txt-records.ts'

export type DnsZone = {
  readonly records: Map<string, readonly string[]>
  readonly unanswered: Set<string>
  readonly asked: string[]
  /** What happens while somebody waits for an answer. */
  meanwhile: () => Promise<unknown>
  readonly resolveTxt: ResolveTxt
}

export function makeDnsZone(): DnsZone {
  const records = new Map<string, readonly string[]>()
  const unanswered = new Set<string>()
  const asked: string[] = []
  const zone: DnsZone = { records, unanswered, asked, meanwhile: async () => {}, resolveTxt }
  async function resolveTxt(name: string): Promise<TxtAnswer> {
    asked.push(name)
    await zone.meanwhile()
    if (unanswered.has(name)) return { kind: 'unavailable', reason: 'ESERVFAIL' }
    const values = records.get(name)
    return values === undefined ? { kind: 'absent' } : { kind: 'found', values }
  }
  return zone
}
