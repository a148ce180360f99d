/** `missing`: no such record, or another organization's. `stale`: changed since the version that was named. */
export class RecordRefusal extends Error {
  readonly code: 'missing' | 'stale'

  constructor(code: 'missing' | 'stale') {
    super(`record ${code}`)
    this.name = 'RecordRefusal'
    this.code = code
  }
}
