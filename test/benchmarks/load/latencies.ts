// Latencies as a histogram whose buckets grow by 2 %: a percentile is exact to that, however many there are.

export type Histogram = Record<number, number>

const GROWTH = Math.log(1.02)

export function recordLatency(histogram: Histogram, milliseconds: number): void {
  const bucket = Math.max(0, Math.round(Math.log(milliseconds * 1000) / GROWTH))
  histogram[bucket] = (histogram[bucket] ?? 0) + 1
}

export function mergeHistograms(histograms: readonly Histogram[]): Histogram {
  const merged: Histogram = {}
  for (const histogram of histograms) {
    for (const [bucket, count] of Object.entries(histogram)) {
      merged[Number(bucket)] = (merged[Number(bucket)] ?? 0) + count
    }
  }
  return merged
}

/** The latency, in milliseconds, that this share of the requests did not exceed. */
export function percentile(histogram: Histogram, share: number): number {
  const buckets = Object.entries(histogram).map(([bucket, count]) => [Number(bucket), count] as const)
  const total = buckets.reduce((sum, [, count]) => sum + count, 0)
  let seen = 0
  for (const [bucket, count] of buckets.sort(([a], [b]) => a - b)) {
    seen += count
    if (seen >= total * share) return Math.exp(bucket * GROWTH) / 1000
  }
  return Number.NaN
}
