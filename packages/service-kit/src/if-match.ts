// Changing only what was read: If-Match with the version as a strong entity tag (RFC 9110 §13.1.1).
import { Problem } from './problem.ts'

/** `any`: whatever the version is, if only the thing is there. */
export type ExpectedVersions = 'any' | readonly number[]

/** RFC 9110 §8.8.3, as a list; a tag cannot hold a quotation mark. */
const TAGS = /^\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"(?:\s*,\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")*\s*$/
const VERSION = /^"([1-9]\d{0,9})"$/
/** A tag that is none of ours matches nothing. */
const TAG = /(?:W\/)?"[^"]*"/g

/** A version as a strong entity tag. */
export function entityTagOf(version: number): string {
  return `"${version}"`
}

/** The versions that If-Match allows; weak tags never match. Throws the Problem precondition_required or invalid_request. */
export function parseIfMatch(header: string | undefined): ExpectedVersions {
  if (header === undefined) throw new Problem('precondition_required', { detail: 'Send the ETag that was read' })
  if (header.trim() === '*') return 'any'
  if (!TAGS.test(header)) throw new Problem('invalid_request', { detail: 'If-Match is not a list of entity tags' })
  return [...header.matchAll(TAG)].flatMap(([tag]) => {
    const version = Number(VERSION.exec(tag)?.[1])
    return version <= 2_147_483_647 ? [version] : []
  })
}
