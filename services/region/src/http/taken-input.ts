// What each route says that it takes; one that says nothing takes nothing.
import type { TakenInput } from '@meridian/service-kit/undeclared-input'
import type { FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    takes?: keyof TakenInput
  }
}

export function takenInputOf({ routeOptions: { config } }: FastifyRequest): TakenInput {
  return { query: config.takes === 'query', body: config.takes === 'body' }
}
