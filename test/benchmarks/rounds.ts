// Sides measured in turns (A B A B …), so that whatever else the machine does in the meantime meets all of them alike.
import type { Histogram } from './load/latencies.ts'
import { mergeHistograms, percentile } from './load/latencies.ts'
import type { LoadResult } from './load/main.ts'
import type { Load } from './load-process.ts'
import { processorMsOf } from './machine.ts'

export type Plan = {
  readonly rounds: number
  readonly secondsPerRound: number
  readonly warmUpSeconds: number
  readonly say: (line: string) => void
}

export type Side = {
  readonly name: string
  readonly scenario: string
  readonly server: { readonly port: number; readonly pid: number }
}

export type SideFigures = {
  readonly name: string
  /** Requests a second, by round. */
  readonly rates: readonly number[]
  readonly medianRate: number
  /** Processor time of the server's process for one request; null where the system does not tell. */
  readonly processorMsPerRequest: number | null
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

type Round = {
  readonly rate: number
  readonly requests: number
  readonly processorMs: number
  readonly latencies: Histogram
}

/** `beforeRound` makes ready what a round uses up; it runs before each round, the warm-up included. */
export async function measureSides(
  load: Load,
  sides: readonly Side[],
  plan: Plan,
  beforeRound: () => Promise<void> = async () => {},
): Promise<readonly SideFigures[]> {
  const rounds = new Map<Side, Round[]>(sides.map((side) => [side, []]))
  for (let number = 0; number <= plan.rounds; number += 1) {
    await beforeRound()
    for (const side of sides) {
      const seconds = number === 0 ? plan.warmUpSeconds : plan.secondsPerRound
      const round = await runRound(load, side, seconds)
      plan.say(`  ${number === 0 ? 'warm-up' : `round ${number}`}  ${side.name}: ${Math.round(round.rate)}/s`)
      if (number > 0) rounds.get(side)?.push(round)
    }
  }
  return sides.map((side) => summarize(side.name, rounds.get(side) ?? []))
}

async function runRound(load: Load, side: Side, seconds: number): Promise<Round> {
  return timeRound(side.server.pid, () => load.run(side.scenario, side.server.port, seconds))
}

export async function timeRound(pid: number, work: () => Promise<LoadResult>): Promise<Round & { result: LoadResult }> {
  const before = processorMsOf(pid)
  const result = await work()
  const after = processorMsOf(pid)
  const processorMs = before === undefined || after === undefined ? Number.NaN : after - before
  const { requests, elapsedSeconds, latencies } = result
  return { rate: requests / elapsedSeconds, requests, processorMs, latencies, result }
}

export function summarize(name: string, rounds: readonly Round[]): SideFigures {
  const rates = rounds.map((round) => round.rate)
  const latencies = mergeHistograms(rounds.map((round) => round.latencies))
  const requests = rounds.reduce((sum, round) => sum + round.requests, 0)
  const processorMs = rounds.reduce((sum, round) => sum + round.processorMs, 0) / requests
  return {
    name,
    rates,
    medianRate: median(rates),
    processorMsPerRequest: Number.isNaN(processorMs) ? null : processorMs,
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    p99Ms: percentile(latencies, 0.99),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
