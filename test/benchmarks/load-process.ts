import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LoadOrder, LoadReply, LoadResult } from './load/main.ts'
import type { ScenarioOrder } from './load/scenario.ts'
import { giveOwnPriority, onCore } from './machine.ts'

/** Connections of the load, each with one request under way. */
export const CONNECTIONS = 16

/** The load generator in its own process; one order at a time. */
export type Load = {
  prepare(scenario: string, order: ScenarioOrder): Promise<void>
  run(scenario: string, port: number, seconds: number): Promise<LoadResult>
  stop(): Promise<void>
}

export function startLoad(): Load {
  const script = fileURLToPath(new URL('./load/main.ts', import.meta.url))
  const [file, ...args] = onCore('load', ['--max-old-space-size=4096', script])
  const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], detached: true })
  if (child.pid !== undefined) giveOwnPriority(child.pid)
  let settle: (reply: LoadReply) => void = () => {}
  child.on('message', (reply: LoadReply) => settle(reply))
  child.on('exit', () => settle({ failure: 'the load generator ended' }))
  const tell = async (order: LoadOrder): Promise<LoadResult | null> => {
    const reply = await new Promise<LoadReply>((resolve, reject) => {
      settle = resolve
      child.send(order, (error) => error !== null && reject(error))
    })
    if ('failure' in reply) throw new Error(reply.failure)
    return reply.result
  }
  return {
    prepare: async (scenario, order) => {
      await tell({ kind: 'prepare', scenario, order })
    },
    run: async (scenario, port, seconds) => {
      const result = await tell({ kind: 'run', scenario, port, seconds, connections: CONNECTIONS })
      if (result === null) throw new Error('the load generator brought no result')
      return result
    },
    stop: async () => {
      if (child.exitCode !== null || !child.connected) return
      child.disconnect()
      await once(child, 'exit')
    },
  }
}
