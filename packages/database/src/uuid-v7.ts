// UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then a counter (§6.2, method 1) that keeps ids of
// one process in the order they were made, then randomness. Ids are public; no secret is a UUID.

const COUNTER_MAX = 0xfff

export type MakeId = () => string

export function createUuidV7(source: { now: () => number; randomBytes: (size: number) => Uint8Array }): MakeId {
  let lastMs = 0
  let counter = 0
  return () => {
    const random = source.randomBytes(10)
    const nowMs = Math.floor(source.now())
    if (nowMs > lastMs) {
      lastMs = nowMs
      counter = (((random[0] ?? 0) << 8) | (random[1] ?? 0)) & 0x7ff
    } else if (counter < COUNTER_MAX) {
      counter += 1
    } else {
      lastMs += 1
      counter = 0
    }
    const bytes = Buffer.alloc(16)
    bytes.writeUIntBE(lastMs, 0, 6)
    bytes.writeUInt16BE(0x7000 | counter, 6)
    bytes.set(random.subarray(2, 10), 8)
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
    const hex = bytes.toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
}
