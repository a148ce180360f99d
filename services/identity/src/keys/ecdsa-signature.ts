// The two forms of a P-256 signature: JOSE's r ‖ s (RFC 7518 §3.4) and the DER of OpenSSL (RFC 3279 §2.2.3).
// Node.js would convert, but takes longer to look at that option (70 µs) than to sign (50 µs).

const PART_BYTES = 32
export const RAW_SIGNATURE_BYTES = 2 * PART_BYTES

const SEQUENCE = 0x30
const INTEGER = 0x02

/** From a signature that we made ourselves: both parts are positive and at most 32 bytes (33 with the sign's). */
export function rawFromDer(der: Buffer): Buffer {
  const raw = Buffer.alloc(RAW_SIGNATURE_BYTES)
  let at = 3
  for (const end of [PART_BYTES, RAW_SIGNATURE_BYTES]) {
    const length = der[at] ?? 0
    const kept = Math.min(PART_BYTES, length)
    at += 1 + length
    der.copy(raw, end - kept, at - kept, at)
    at += 1
  }
  return raw
}

/** From any 64 bytes; what they are worth is for the verification to say. */
export function derFromRaw(raw: Buffer): Buffer {
  const r = integer(raw.subarray(0, PART_BYTES))
  const s = integer(raw.subarray(PART_BYTES))
  return Buffer.concat([Buffer.from([SEQUENCE, r.length + s.length]), r, s])
}

/** DER wants the shortest form, and a zero before a first bit that would read as a minus. */
function integer(part: Buffer): Buffer {
  let start = 0
  while (start < PART_BYTES - 1 && part[start] === 0) start += 1
  const digits = part.subarray(start)
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : []
  return Buffer.concat([Buffer.from([INTEGER, digits.length + sign.length, ...sign]), digits])
}
