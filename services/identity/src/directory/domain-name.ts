// What may be an organization's own domain: a name of the public DNS (RFC 1035 §2.3.1, IDNA by UTS #46), below which it
// can put a TXT record, and neither ours nor above ours.
import { isIP } from 'node:net'
import { domainToASCII, domainToUnicode } from 'node:url'

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const TOP_LABEL = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/
const PROOF_LABEL = '_meridian'
const DNS_NAME_MAX_CHARACTERS = 253
const DOMAIN_MAX_CHARACTERS = DNS_NAME_MAX_CHARACTERS - PROOF_LABEL.length - 1

/** Letters, marks, digits, hyphens and dots: nothing that a URL parser would take for a port, a path or an escape. */
const WRITTEN = /^[\p{L}\p{M}\p{N}.\-\u3002\uff0e\uff61]+$/u

/** Names that no public DNS has (RFC 6761, RFC 6762, RFC 7686, RFC 9476, ICANN's .internal). */
const NOT_PUBLIC = ['localhost', 'local', 'internal', 'invalid', 'onion', 'alt', 'arpa']

/** A domain in its one spelling, or undefined where the text is none that could be proved. */
export function parseDomainName(text: string): string | undefined {
  if (!WRITTEN.test(text)) return undefined
  const name = domainToASCII(text).toLowerCase().replace(/\.$/, '')
  const labels = name.split('.')
  const isName = labels.length > 1 && labels.every((label) => LABEL.test(label)) && TOP_LABEL.test(labels.at(-1) ?? '')
  if (!isName || isIP(name) !== 0 || name.length > DOMAIN_MAX_CHARACTERS) return undefined
  // An A-label that cannot be decoded is left as it is, in ASCII names.
  const written = domainToUnicode(name)
  if (/(^|\.)xn--/.test(written) || domainToASCII(written) !== name) return undefined
  return NOT_PUBLIC.includes(labels.at(-1) ?? '') ? undefined : name
}

/** Where the TXT record of a domain stands. */
export function proofNameOf(domain: string): string {
  return `${PROOF_LABEL}.${domain}`
}

/** Whether a domain is one of these hosts, below one, or above one. */
export function isKin(domain: string, hosts: Iterable<string>): boolean {
  for (const host of hosts) {
    if (domain === host || domain.endsWith(`.${host}`) || host.endsWith(`.${domain}`)) return true
  }
  return false
}
