import { randomInt } from 'node:crypto'

/** The seed of a property test: the one to replay, from FAST_CHECK_SEED, or a new one to be printed. */
export function propertySeed(environment: NodeJS.ProcessEnv = process.env): number {
  const named = environment['FAST_CHECK_SEED']
  return named === undefined ? randomInt(2 ** 31) : Number(named)
}
