import { assertOutsideTransaction } from './database.ts'

type Call = (...values: unknown[]) => unknown

/**
 * Wraps a generated client so that calling it throws OuterHandleError while the caller is inside a transaction.
 * The check is at the call: Prisma sends together what was asked for in the same tick, in the async context of
 * whoever asked first, so that a check any deeper sees another caller's transaction.
 */
export function guardOuterClient<Client extends object>(client: Client): Client {
  const guarded = new Map<string | symbol, unknown>()
  return new Proxy(client, {
    get: (target, name) => {
      if (guarded.has(name)) return guarded.get(name)
      const member: unknown = Reflect.get(target, name)
      const isModel = typeof member === 'object' && member !== null
      if (!isModel && typeof member !== 'function') return member
      const guard = isModel ? guardOuterClient(member) : guardCall(target, member as Call)
      guarded.set(name, guard)
      return guard
    },
  })
}

function guardCall(target: object, call: Call): Call {
  return (...values) => {
    assertOutsideTransaction()
    return Reflect.apply(call, target, values)
  }
}
