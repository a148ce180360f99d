// The hosted sign-in: address, code, account, invitations, place. Each step is a page of its own and works without script; what a
// step needs is in its query or form and is checked again (http/authorization-query.ts). HTML is made in src/pages.
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../deps.ts'
import type { RateLimit } from '../rate-limits.ts'
import { accountPage } from './account.ts'
import { addressPage } from './address.ts'
import { codePage } from './code.ts'
import { contextPage } from './context.ts'
import { invitationsPage } from './invitations.ts'
import { invitedPage } from './invited.ts'

export function signInPages(app: FastifyInstance, deps: Deps, limits: { pages: RateLimit; codes: RateLimit }): void {
  addressPage(app, deps, limits)
  codePage(app, deps, limits)
  accountPage(app, deps, limits.pages)
  contextPage(app, deps, limits.pages)
  invitationsPage(app, deps, limits.pages)
  invitedPage(app, deps, limits.pages)
}
