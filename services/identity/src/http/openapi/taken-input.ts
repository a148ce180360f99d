// What each route takes is what its description says; one that is not described takes nothing.
import type { TakenInput } from '@meridian/service-kit/undeclared-input'
import type { FastifyRequest } from 'fastify'
import { OPERATIONS } from './document.ts'

const NOTHING: TakenInput = { query: false, body: false }

const TAKEN: ReadonlyMap<string, TakenInput> = new Map(
  OPERATIONS.map(({ method, path, query, body }) => [
    `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
    { query: query !== undefined, body: body !== undefined },
  ]),
)

export function takenInputOf({ method, routeOptions: { url } }: FastifyRequest): TakenInput {
  return TAKEN.get(`${method === 'HEAD' ? 'GET' : method} ${url}`) ?? NOTHING
}
