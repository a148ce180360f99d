// TXT records of the public DNS. That a name has none is an answer; that nobody answers is not.
import { Resolver } from 'node:dns/promises'

export type TxtAnswer =
  | { readonly kind: 'found'; readonly values: readonly string[] }
  /** The name is not there (NXDOMAIN), or has no TXT record. */
  | { readonly kind: 'absent' }
  /** SERVFAIL, a timeout, no network: nothing is known. */
  | { readonly kind: 'unavailable'; readonly reason: string }

export type ResolveTxt = (name: string) => Promise<TxtAnswer>

const TIMEOUT_MS = 2000
const TRIES = 2
const ABSENT = new Set(['ENOTFOUND', 'ENODATA'])

/** Asks these servers, or those of the machine. */
export function createTxtResolver(servers: readonly string[] = []): ResolveTxt {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES, maxTimeout: TIMEOUT_MS })
  if (servers.length > 0) resolver.setServers([...servers])
  return async (name) => {
    try {
      const records = await resolver.resolveTxt(name)
      return { kind: 'found', values: records.map((chunks) => chunks.join('')) }
    } catch (error) {
      const reason = String((error as NodeJS.ErrnoException).code)
      return ABSENT.has(reason) ? { kind: 'absent' } : { kind: 'unavailable', reason }
    }
  }
}
