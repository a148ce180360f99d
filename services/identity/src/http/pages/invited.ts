// GET /invitations: where the mail of an invitation leads. It tells how to answer, knows nobody, and is no way in.
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../deps.ts'
import { renderInvited } from '../../pages/invited-page.ts'
import type { RateLimit } from '../rate-limits.ts'
import { PAGE, sendPage } from '../send-page.ts'

export function invitedPage(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  const { productName } = deps.settings
  const page = renderInvited({ productName, brand: null, formTargets: [] })
  app.get('/invitations', { config: { rateLimit, ...PAGE } }, (_request, reply) => sendPage(reply, page))
}
