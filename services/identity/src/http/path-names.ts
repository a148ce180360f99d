// What stands in a path. A name that can name nothing is not told apart from one that names nothing of the caller's.
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { Refusal } from '../refusal.ts'

const MAX_ORG_NAME_CHARACTERS = 100

/** `:org`: an id or a slug. Throws Refusal (access_denied), as for an organization that is not the caller's. */
export function orgOf(request: FastifyRequest): string {
  const { org } = request.params as { org: string }
  if (org.length > MAX_ORG_NAME_CHARACTERS || !/^[A-Za-z0-9-]+$/.test(org))
    throw new Refusal('access_denied', 'no organization can be called so')
  return org.toLowerCase()
}

const idSchema = z.uuidv7()

/** A path parameter that is an id of ours. Throws Refusal (not_found). */
export function idOf(request: FastifyRequest, parameter: string): string {
  const id = idSchema.safeParse((request.params as Readonly<Record<string, string>>)[parameter]?.toLowerCase())
  if (!id.success) throw new Refusal('not_found', `no such ${parameter}`)
  return id.data
}
