// /v1/me: a person's own account, read, renamed, taken away as a file, deleted. The last two need a recent sign-in.
import { Readable } from 'node:stream'
import type { Me } from '@meridian/protocol/me'
import { meChangeSchema } from '@meridian/protocol/own-account'
import { entityTagOf, parseIfMatch } from '@meridian/service-kit/if-match'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { deleteOwnAccount } from '../../../directory/delete-user.ts'
import { type ExportInParts, exportOwnData } from '../../../directory/export-person.ts'
import { renameOwnAccount } from '../../../directory/profile.ts'
import { requireRecentSignIn } from '../../../sessions/recent-sign-in.ts'
import type { SignedInPerson } from '../../../sessions/signed-in-person.ts'
import { authenticatePerson } from '../../bearer.ts'
import { originOf } from '../../origin.ts'
import type { RateLimit } from '../../rate-limits.ts'

export function ownAccountRoutes(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  app.get('/v1/me', async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    return reply.header('etag', entityTagOf(person.version)).send(present(person))
  })

  app.patch('/v1/me', async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    const expected = parseIfMatch(request.headers['if-match'])
    const { name } = parseInput(meChangeSchema, request.body)
    const version = await renameOwnAccount(deps, person, name, expected, originOf(request))
    return reply.header('etag', entityTagOf(version)).send(present({ ...person, name, version }))
  })

  app.delete('/v1/me', async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    requireRecentSignIn(deps.settings, person)
    await deleteOwnAccount(deps, person, originOf(request))
    return reply.code(204).send()
  })

  app.post('/v1/me/export', { config: { rateLimit } }, async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    requireRecentSignIn(deps.settings, person)
    const parts = await exportOwnData(deps, person, originOf(request))
    return reply
      .headers({
        'content-type': 'application/json; charset=utf-8',
        'content-disposition': 'attachment; filename="account.json"',
      })
      .send(Readable.from(jsonOf(parts)))
  })
}

function present(person: SignedInPerson): Me {
  const { userId: id, email, name, platformRole, version, sessionId, authTime, amr } = person
  return {
    user: { id, email, name, platform_role: platformRole, version },
    session: { id: sessionId, auth_time: Math.floor(authTime), amr: [...amr] },
  }
}

async function* jsonOf({ held, events }: ExportInParts): AsyncGenerator<string> {
  yield `${JSON.stringify(held).slice(0, -1)},"events":[`
  let separator = ''
  for await (const page of events) {
    yield separator + page.map((event) => JSON.stringify(event)).join(',')
    separator = ','
  }
  yield ']}'
}
