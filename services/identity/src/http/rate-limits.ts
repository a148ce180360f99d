// Limits per address and for all together, in this process's memory: they spare the database, and no security
// decision rests on them. Budgets of contacts and codes live in the database with what they protect.
import rateLimit from '@fastify/rate-limit'
import { Problem } from '@meridian/service-kit/problem'
import type { FastifyInstance, FastifyRequest } from 'fastify'

export type RateLimit = { readonly max: number; readonly timeWindow: number }

/** An IPv6 customer has a /64 at least: the whole of it counts as one address. */
export function addressKey(ip: string): string {
  if (!ip.includes(':') || ip.startsWith('::ffff:')) return ip
  const [head = '', tail = ''] = ip.split('::')
  const left = head.split(':').filter(Boolean)
  const right = tail.split(':').filter(Boolean)
  const middle = ip.includes('::') ? Array<string>(8 - left.length - right.length).fill('0') : []
  return `${[...left, ...middle, ...right].slice(0, 4).join(':')}::/64`
}

export async function registerRateLimits(app: FastifyInstance): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    hook: 'onRequest',
    cache: 20_000,
    keyGenerator: (request: FastifyRequest) => addressKey(request.ip),
    errorResponseBuilder: () => new Problem('rate_limited'),
  })
}
