import type { ExpectedVersions } from '../records/records.ts'

export class IfMatchRefusal extends Error {
  readonly code: 'missing' | 'malformed'

  constructor(code: 'missing' | 'malformed') {
    super(`If-Match is ${code}`)
    this.name = 'IfMatchRefusal'
    this.code = code
  }
}

/** RFC 9110 §8.8.3, as a list; a tag cannot hold a quotation mark. */
const TAGS = /^\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"(?:\s*,\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")*\s*$/
const VERSION = /^"([1-9]\d{0,9})"$/
/** A tag that is none of ours matches nothing. */
const TAG = /(?:W\/)?"[^"]*"/g

/** A version as a strong entity tag. */
export function entityTagOf(version: number): string {
  return `"${version}"`
}

/** The versions that If-Match allows; weak tags never match (RFC 9110 §13.1.1). Throws IfMatchRefusal. */
export function parseIfMatch(header: string | undefined): ExpectedVersions {
  if (header === undefined) throw new IfMatchRefusal('missing')
  if (header.trim() === '*') return 'any'
  if (!TAGS.test(header)) throw new IfMatchRefusal('malformed')
  return [...header.matchAll(TAG)].flatMap(([tag]) => {
    const version = Number(VERSION.exec(tag)?.[1])
    return version <= 2_147_483_647 ? [version] : []
  })
}
