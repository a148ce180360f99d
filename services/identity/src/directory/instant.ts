/** Seconds since the epoch, as our statements give instants, in the form in which they cross a wire (RFC 3339). */
export function instantOf(secondsSinceEpoch: number): string {
  return new Date(secondsSinceEpoch * 1000).toISOString()
}
